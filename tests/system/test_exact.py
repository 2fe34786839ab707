"""A share of `klaroen bench exact`: R10, letter by letter, by every channel, over failures and deaths of dispatch."""

import unicodedata
from itertools import islice

import pytest

from klaroen_bench import exact_ends
from klaroen_bench.exact import try_texts
from klaroen_bench.exact_texts import CHARACTERS_MAX, must_be_refused, texts


def test_R10_what_handsets_telephones_and_mailboxes_get_is_what_the_authority_sent() -> None:
    """JSON and CAP; SMPP, HTTP, speech and mail; busy, mute and absent carriers; three lives."""
    report = try_texts(500, seed=7)
    assert {"missing": 0, "missing_mails": 0, "altered": 0} == {
        name: report[name] for name in ("missing", "missing_mails", "altered")
    }
    assert 500 == report["texts"]
    assert report["refused"] > 0
    assert report["spoken"] > 50
    assert min(report["by"].values()) > 50
    assert 3 == report["lives"]


@pytest.mark.parametrize("change", [str.strip, lambda text: unicodedata.normalize("NFC", text), str.splitlines])
def test_whatever_changes_a_text_is_found(change: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """A trimmed blank, a composed letter, another line end."""
    show = exact_ends.Received.show

    def altered(self: exact_ends.Received, address: str, text: str | None) -> None:
        changed = change(text or "")  # type: ignore[operator]
        show(self, address, changed if isinstance(changed, str) else "\n".join(changed))

    monkeypatch.setattr(exact_ends.Received, "show", altered)
    assert try_texts(60, seed=3)["altered"] > 0


def test_the_texts_are_of_every_kind_and_each_is_another() -> None:
    made = list(islice(texts(1), 3_000))
    assert 3_000 == len(set(made))
    assert CHARACTERS_MAX == max(map(len, made))
    assert 10 < sum(must_be_refused(text, xml=False) for text in made) < 100
    kinds = {unicodedata.category(letter) for text in made for letter in text}
    assert {"Mn", "Cf", "So", "Zl", "Zp", "Lo", "Co", "Cc", "Zs"} <= kinds
    assert any(text != unicodedata.normalize("NFC", text) for text in made)
    assert any(text.endswith((" ", "\r", "\n")) for text in made)
