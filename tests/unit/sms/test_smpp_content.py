"""How one content leaves in one carrier's manner."""

from typing import Any

import pytest
from tests.unit.sms.smpp_kit import HOUR_MS, NOW, content, settings

from klaroen.core.model import Instant
from klaroen.core.ports import Refused
from klaroen.settings import SmppProfile
from klaroen_adapters.sms import smpp_content, smpp_pdu
from klaroen_adapters.sms.smpp_content import Concatenations, Contents, encode_text, source, validity_period

LATIN1 = {"latin1": 3, "ucs2": 8}


def fields(profile: SmppProfile, text: str = "Hoi") -> tuple[int, int, bytes]:
    """Return (data_coding, esm_class, what follows sm_length) of the first part."""
    parts = Contents(settings(profile=profile)).parts(content(text), NOW)
    assert isinstance(parts, tuple)
    tail = parts[0].tail + parts[0].rest
    validity = tail.index(b"\0", 4) + 1
    return tail[validity + 2], tail[0], tail[validity + 5 :]


@pytest.mark.parametrize(
    ("text", "alphabets", "encoded"),
    [
        ("é€", {"gsm7": 0, "ucs2": 8}, (0, [b"\x05\x1b\x65"])),
        ("ë", {"gsm7": 0, "ucs2": 8}, (8, [b"\x00\xeb"])),
        ("é", LATIN1, (3, [b"\xe9"])),
        ("[é]", {"latin1": 3, "gsm7": 0}, (3, [b"[\xe9]"])),
        ("€", {"latin1": 3, "gsm7": 1}, (1, [b"\x1b\x65"])),  # not in Latin-1
        ("€", LATIN1, (8, [b"\x20\xac"])),
        ("ë", LATIN1, (8, [b"\x00\xeb"])),  # in Latin-1, but the SMSC's handsets take GSM 03.38
        ("ë", {"gsm7": 0}, None),
        ("a", {}, None),
        ("€" + "a" * 70, LATIN1, (8, [("€" + "a" * 66).encode("utf-16-be"), ("a" * 4).encode("utf-16-be")])),
    ],
)
def test_the_alphabet_is_the_profiles(text: str, alphabets: Any, encoded: Any) -> None:
    """Point 22: alphabet -> data_coding; exactly, or not at all."""
    assert encoded == encode_text(text, SmppProfile(alphabets=alphabets))


@pytest.mark.parametrize(("text", "alphabets"), [("a" * 400, LATIN1), ("€" * 100, LATIN1), ("ë" * 300, {"ucs2": 8})])
def test_a_carrier_that_joins_itself_gets_one_piece(text: str, alphabets: Any) -> None:
    """Point 23: message_payload by profile."""
    encoded = encode_text(text, SmppProfile(alphabets=alphabets, long_message="payload"))
    assert encoded is not None
    assert 1 == len(encoded[1])


def test_long_messages_by_header_or_by_options() -> None:
    """Point 23: UDH sets UDHI; sar_* leaves the text alone."""
    coding, esm_class, _ = fields(SmppProfile(), "a" * 200)
    assert (0, 0x40) == (coding, esm_class)
    coding, esm_class, tail = fields(SmppProfile(long_message="sar"), "a" * 200)
    assert (0, 0) == (coding, esm_class)
    assert b"\x02\x0e\x00\x01\x02\x02\x0f\x00\x01\x01" in tail


@pytest.mark.parametrize(
    ("alphabets", "coding", "option"),
    [({"gsm7": 0}, 0x10, False), ({"ucs2": 8}, 0x18, False), ({"latin1": 3}, 3, True)],
)
def test_flash(alphabets: Any, coding: int, option: bool) -> None:
    """Point 26: message class 0 where data_coding can say it, else by dest_addr_subunit."""
    found, _, tail = fields(SmppProfile(alphabets=alphabets, flash=True))
    assert coding == found
    assert option is (b"\x00\x05\x00\x01\x01" in tail)


def test_a_text_without_an_alphabet_is_refused_for_this_carrier() -> None:
    """Another carrier may have one."""
    refused = Contents(settings(profile=SmppProfile(alphabets={"gsm7": 0}))).parts(content("ë"), NOW)
    assert Refused("alphabet", "carrier") == refused


@pytest.mark.parametrize(
    ("name", "profile", "ton_npi_address"),
    [
        ("8810", SmppProfile(), (0, 0, "8810")),
        ("", SmppProfile(), (0, 0, "")),
        ("+3225180000", SmppProfile(), (1, 1, "3225180000")),
        ("3225180000", SmppProfile(), (1, 1, "3225180000")),
        ("BE-Alert", SmppProfile(), (5, 0, "BE-Alert")),
        ("8810", SmppProfile(source_ton=3, source_npi=9), (3, 9, "8810")),
    ],
)
def test_the_senders_type(name: str, profile: SmppProfile, ton_npi_address: tuple[int, int, str]) -> None:
    """Point 25: E.164 without its plus, letters, short codes; the profile's own values go first."""
    assert smpp_pdu.Source(*ton_npi_address) == source(name, profile)


@pytest.mark.parametrize("name", ["twelve chars", "Politié"])
def test_a_sender_that_no_handset_shows_is_refused(name: str) -> None:
    """At most 11 characters, ASCII: found when the carrier is built."""
    with pytest.raises(ValueError, match=r"characters|ASCII"):
        source(name, SmppProfile())


def test_the_sender_may_differ_by_class() -> None:
    """A class that is not named has none."""
    found = smpp_content.sources(settings(source={"crisis": "BE-Alert", "warm": "8810"}))
    assert ["BE-Alert", "8810", "", ""] == [
        found[each].address for each in ("crisis", "warm", "public_interest", "cold")
    ]


@pytest.mark.parametrize(
    ("left_ms", "form", "period"),
    [
        (HOUR_MS, "relative", "000000010000000R"),
        (30 * 60_000 + 5_999, "relative", "000000003005000R"),
        (259_200_000, "relative", "000003000000000R"),
        (10**11, "relative", "000030000000000R"),
        (500, "relative", "000000000001000R"),  # never none: that would be the carrier's own, of days
        (HOUR_MS, "absolute", "270115090000000+"),
        (HOUR_MS, "off", ""),
    ],
)
def test_the_validity_is_what_is_left_of_the_alert(left_ms: int, form: Any, period: str) -> None:
    """Point 24."""
    assert period == validity_period(Instant(NOW + left_ms), NOW, form)


def test_a_template_is_made_once_a_second() -> None:
    """The validity shrinks as time passes; all else is the same object."""
    contents, alert = Contents(settings()), content()
    first = contents.parts(alert, NOW)
    assert first is contents.parts(alert, NOW)
    assert first != contents.parts(alert, Instant(NOW + 1_000))


def test_templates_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest goes."""
    monkeypatch.setattr(smpp_content, "TEMPLATES_MAX", 2)
    contents, alerts = Contents(settings()), [content(f"alert {number}") for number in range(3)]
    made = [contents.parts(alert, NOW) for alert in alerts]
    assert made[2] is contents.parts(alerts[2], NOW)
    assert made[0] is not contents.parts(alerts[0], NOW)
    assert made[0] == contents.parts(alerts[0], NOW)


def test_a_destination_meets_its_reference_again_after_256() -> None:
    """Point 23: it does not collide for one destination; a restart begins elsewhere."""
    draw = Concatenations(7).draw
    drawn = [draw(b"32470000001") for _ in range(256)]
    assert 256 == len(set(drawn))
    assert 8 == drawn[0]
