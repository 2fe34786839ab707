"""Whatever an authority writes comes out of CAP as it comes out of JSON (R10)."""

import json

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.core.cap_samples import NOW_MS, info, message

from klaroen.core.cap import Posted, Profile, read_cap
from klaroen.core.errors import InputError
from klaroen.core.intake import Texts, read_alert
from klaroen.core.model import Instant

LIVELY = st.sampled_from(
    ["\r\n", "\r", "\n", " ", "  ", "\t", "é", "e\u0301", "\u200d", "\u202e", "\U0001f692", "<", ">", "&", "]]>",
     "&amp;", "&#13;", '"', "'", "België", "–", "…", "\u00a0", "\u2028", "\ufeff", "\ufdd0"]
)  # fmt: skip
PLAIN = st.characters(exclude_categories=["Cs"], exclude_characters="\ufffe\uffff")
TEXTS = st.lists(LIVELY | st.text(PLAIN, min_size=1, max_size=8), min_size=1, max_size=30).map("".join)
REFUSED = ("malformed", "invalid", "nothing to send")
NOT_IN_XML = frozenset(map(chr, [*range(9), 11, 12, *range(14, 32)]))
"""XML 1.0, 2.2: no document can hold them, not even as references."""


@given(texts=st.dictionaries(st.sampled_from(["nl", "fr", "de", "en", "mul"]), TEXTS, min_size=1))
def test_R10_a_text_is_the_same_by_cap_and_by_json(texts: dict[str, str]) -> None:
    """Both take it, character by character the same, or both refuse it."""
    alert = {
        "class": "crisis",
        "targets": {"all": True},
        "content": {language: {"text": text} for language, text in texts.items()},
    }
    infos = (info(text, language=language) for language, text in texts.items())
    infos = [info(text, language=language) for language, text in texts.items()]
    wanted, told = by_json(json.dumps(alert).encode()), by_cap(message(*infos))
    if wanted == "invalid" and not NOT_IN_XML.isdisjoint("".join(texts.values())):
        wanted = "malformed"
    assert wanted == told


def by_json(body: bytes) -> Texts | str:
    """Return the texts, or the name of the problem."""
    try:
        return read_alert(body).content
    except InputError as error:
        return error.problem.name


def by_cap(body: bytes) -> Texts | str:
    try:
        told = read_cap(body, "crisis_authority", Profile(), Instant(NOW_MS))
    except InputError as error:
        return error.problem.name
    return told.request.content if isinstance(told, Posted) else "nothing to send"


@given(body=st.binary(max_size=400) | st.text(max_size=200).map(lambda text: message(more=text)))
def test_whatever_is_posted_is_read_or_refused(body: bytes) -> None:
    """No input makes the reader fail."""
    assert not isinstance(told := by_cap(body), str) or told in REFUSED


@given(data=st.data(), body=st.sampled_from([message(), message(info(), info("b", language="fr"))]))
def test_a_damaged_message_is_read_or_refused(data: st.DataObject, body: bytes) -> None:
    """Any stretch of a message may be lost or replaced."""
    start = data.draw(st.integers(0, len(body)))
    end = data.draw(st.integers(start, min(len(body), start + 40)))
    damaged = body[:start] + data.draw(st.binary(max_size=20)) + body[end:]
    assert not isinstance(told := by_cap(damaged), str) or told in REFUSED
