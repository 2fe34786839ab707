"""Warnings that authorities of other countries really sent: read as they came, carried home, and withdrawn.

What they say is theirs (cap_feeds/README.md). Each is refused for a stated reason; moved to Belgium and without what we
do not carry, each becomes an alert with exactly its text; and as a Cancel none of them sends anything.
"""

import re
from datetime import datetime
from pathlib import Path

import pytest

from klaroen.core.cap import Posted, Profile, Withdrawn, read_cap
from klaroen.core.errors import InputError
from klaroen.core.model import Instant, Text

FEEDS = {path.stem: path.read_bytes() for path in sorted(Path(__file__).with_name("cap_feeds").glob("*.xml"))}
INFO = "/alert/info[1]"
ELSEWHERE = INFO + "/area[1]"
REASONS = {
    "au-rfs": INFO + "/instruction",
    "ca-eccc": INFO + "/instruction",
    "de-dwd": "/alert/references",
    "de-mowas": INFO + "/instruction",
    "eu-meteoalarm": ELSEWHERE,
    "nl-alert": ELSEWHERE + "/polygon[1]",
    "tw-thb": INFO + "/language",
    "us-amber": ELSEWHERE,
    "us-nws": "/",
    "us-usgs": "malformed",
}
"""Where each is refused first: instructions that would be dropped, references of what is no update, a language that we
do not carry, codes of places elsewhere, an older version, an encoding that is not UTF-8."""
HOME = b"<polygon>51.05,3.70 51.10,3.70 51.10,3.78 51.05,3.70</polygon>"


def sent_at(body: bytes) -> Instant:
    found = re.search(rb"<(?:cap:)?sent>([^<]*)<", body)
    assert found is not None
    return Instant(int(datetime.fromisoformat(found[1].decode()).timestamp() * 1000))


def refusal(body: bytes) -> tuple[str, object]:
    with pytest.raises(InputError) as caught:
        read_cap(body, "crisis_authority", Profile(), sent_at(body))
    return caught.value.problem.name, caught.value.problem.at


def carried_home(body: bytes) -> bytes:
    """Return the message as its sender would write it for us: in UTF-8, CAP 1.2, our languages, a place in Belgium."""
    text = body.decode("latin-1" if b"ISO-8859-1" in body else "utf-8").replace("ISO-8859-1", "UTF-8")
    text = text.replace("cap:1.1'", "cap:1.2'").replace("zh-TW", "en-US").replace("es-US", "fr-BE")
    text = re.sub(r"<(cap:)?instruction>.*?</(cap:)?instruction>", "", text, flags=re.DOTALL)
    place = (
        HOME.decode() if "cap:alert" not in text else HOME.decode().replace("<", "<cap:").replace("<cap:/", "</cap:")
    )
    text = re.sub(
        r"(<(?:cap:)?areaDesc>[^<]*</(?:cap:)?areaDesc>).*?(</(?:cap:)?area>)", rf"\1{place}\2", text, flags=re.DOTALL
    )
    text = text.replace("2015-02-21T02:53:31+00:00</expires>", "2015-02-15T02:53:31+00:00</expires>")
    return re.sub(r"<((?:cap:)?)references>.*?</\1references>", "", text).replace(">Update<", ">Alert<").encode()


@pytest.mark.parametrize("name", FEEDS)
def test_as_it_came_it_is_refused_for_a_stated_reason(name: str) -> None:
    problem, at = refusal(FEEDS[name])
    assert REASONS[name] == (problem if problem == "malformed" else at)


def test_every_message_has_its_reason() -> None:
    assert FEEDS.keys() == REASONS.keys()


@pytest.mark.parametrize("name", FEEDS)
def test_R10_carried_home_it_is_an_alert_with_exactly_its_text(name: str) -> None:
    """Codes, notes, event codes, parameters, resources, contacts, prefixes and signatures do not stand in the way."""
    body = carried_home(FEEDS[name])
    told = read_cap(body, "crisis_authority", Profile(), sent_at(body))
    assert isinstance(told, Posted)
    said = re.findall(r"<(?:cap:)?description>(.*?)</(?:cap:)?description>", body.decode(), re.DOTALL)
    found = [text for text in told.request.content.by_language().values() if isinstance(text, Text)]
    assert sorted(said) == sorted(text.text for text in found)
    assert "crisis" == told.request.alert_class


@pytest.mark.parametrize("name", FEEDS)
def test_as_a_cancel_it_sends_nothing(name: str) -> None:
    """Whatever its info says."""
    body = carried_home(FEEDS[name]).replace(b">Alert<", b">Cancel<")
    prefix = b"cap:" if b"<cap:scope>" in body else b""
    named = b"<%breferences>x@example.be,1,2026-11-26T09:00:00+01:00</%breferences>" % (prefix, prefix)
    body = body.replace(b"</%bscope>" % prefix, b"</%bscope>" % prefix + named)
    assert isinstance(read_cap(body, "crisis_authority", Profile(), sent_at(body)), Withdrawn)
