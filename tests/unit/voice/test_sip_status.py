"""What the end of a call means, as voice.md words it: before the telephone rang, and after."""

import pytest

from klaroen.core.ports import Refused, Unknown, Unsent
from klaroen_adapters.voice.sip_status import meaning, outcome, read_retry_after, read_words, words
from klaroen_adapters.voice.sip_terms import Lost, Rejected


@pytest.mark.parametrize(
    ("status", "refused", "failed"),
    [
        (486, Refused("busy", "address"), "busy"),
        (600, Refused("busy", "address"), "busy"),
        (408, Refused("no answer", "address"), "no answer"),
        (480, Refused("no answer", "address"), "no answer"),
        (487, Refused("no answer", "address"), "no answer"),
        (603, Refused("rejected", "address"), "rejected"),
        (607, Refused("rejected", "address"), "rejected"),
        (608, Refused("rejected", "address"), "rejected"),
        (404, Refused("number invalid", "address"), "number invalid"),
        (410, Refused("number invalid", "address"), "number invalid"),
        (484, Refused("number invalid", "address"), "number invalid"),
        (604, Refused("number invalid", "address"), "number invalid"),
        (500, Unsent("trunk 500"), "trunk 500"),
        (502, Unsent("trunk 502"), "trunk 502"),
        (503, Unsent("trunk 503"), "trunk 503"),
        (504, Unsent("trunk 504"), "trunk 504"),
        (403, Refused("403", "carrier"), "403"),
        (401, Refused("403", "carrier"), "403"),
        (407, Refused("403", "carrier"), "403"),
        (488, Refused("488", "carrier"), "488"),
        (302, Refused("300", "carrier"), "300"),
        (499, Refused("400", "carrier"), "400"),
        (599, Unsent("trunk 500"), "trunk 500"),
        (699, Refused("busy", "address"), "busy"),
    ],
)
def test_every_final_status_has_a_meaning(status: int, refused: object, failed: str) -> None:
    """Those that nobody knows are taken for the x00 of their class."""
    assert refused == outcome(Rejected("A1", status, ""))
    assert failed == words(Rejected("A1", status, "", rang=True))


def test_there_is_a_meaning_for_all_statuses() -> None:
    """300 to 699."""
    assert 400 == len([meaning(status) for status in range(300, 700)])


def test_a_trunk_that_asks_for_rest_is_throttled() -> None:
    """503 with Retry-After."""
    assert Unsent("trunk 503", 7.0, throttled=True) == outcome(Rejected("A1", 503, "", 7.0))
    assert Unsent("trunk 500", 7.0) == outcome(Rejected("A1", 500, "", 7.0))


def test_what_was_cancelled_before_it_rang_may_be_tried_elsewhere() -> None:
    """But busy is busy, whoever gave up first."""
    assert Unsent("not rung in time") == outcome(Rejected("A1", 487, "", cancelled=True))
    assert Refused("busy", "address") == outcome(Rejected("A1", 486, "", cancelled=True))


def test_silence_is_unknown_until_it_rang() -> None:
    """Then nobody answered."""
    assert Unknown("no answer to the INVITE") == outcome(Lost("A1", "no answer to the INVITE"))
    assert "no answer" == words(Lost("A1", "no end after CANCEL", rang=True))


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("", None),
        ("soon", None),
        ("²", None),
        ("120", 120.0),
        ("18000;duration=3600", 3600.0),
        ("30 (in maintenance)", 30.0),
        ("949302838503028349304023988", 3600.0),
    ],
)
def test_rest_is_bounded(value: str, seconds: float | None) -> None:
    """No trunk is left for more than an hour upon its word alone."""
    assert seconds == read_retry_after(value)


def test_a_reason_is_told_without_numbers() -> None:
    """They may be somebody's."""
    assert "Number +########### gone?" == read_words("Number +32470000001 gone\x07")
    assert 60 == len(read_words("x" * 90))
