"""One content in one carrier's manner: alphabet, parts, sender and validity become submit_sm templates.

Law: a text leaves exactly or not at all; what the profile gives no alphabet for is refused, never rewritten. A template
is made once for each content and second, not once for each member.
"""

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final, Literal
from zlib import crc32

from klaroen.core.model import CLASSES, AlertClass, Content, Instant
from klaroen.core.ports import Refused
from klaroen.core.text import gsm7_encode, split_sms, split_ucs2, ucs2_encode
from klaroen.settings import Smpp, SmppProfile
from klaroen_adapters.sms import smpp_pdu as pdu

TEMPLATES_MAX: Final = 64
"""Contents in flight at once: some alerts in four languages; the oldest are made anew (5 to 20 µs)."""
VALIDITY_DAYS_MAX: Final = 30
"""The relative form is written in days here, and a month has no more of them; alerts expire within three."""
CONCATENATIONS: Final = 65536
"""Counters of concatenation references. One destination meets its own reference again after 256 long messages to the
one or two numbers that share its counter."""

_MESSAGE_CLASS_0: Final = 0x10
_CODINGS_WITH_CLASS: Final = frozenset({0x00, 0x08})
_TON_INTERNATIONAL, _TON_NETWORK_SPECIFIC, _TON_ALPHANUMERIC = 1, 0, 5
_NPI_E164, _NPI_UNKNOWN = 1, 0

Parts = tuple[pdu.Submit, ...]


class Contents:
    """The templates of one carrier account, shared by its binds."""

    def __init__(self, settings: Smpp) -> None:
        self._profile = settings.profile
        self._sources = sources(settings)
        self._made: dict[tuple[int, str], tuple[Content, Parts | Refused]] = {}

    def parts(self, content: Content, now: Instant) -> Parts | Refused:
        """Return the templates of a content's parts, with the validity that is left at `now`."""
        validity = validity_period(content.expires_at, now, self._profile.validity)
        key = (id(content), validity)
        made = self._made.get(key)
        if made is None:
            if len(self._made) >= TEMPLATES_MAX:
                del self._made[next(iter(self._made))]
            # The content stays referenced here, so that its id names nothing else.
            made = (content, self._make(content, validity.encode("ascii")))
            self._made[key] = made
        return made[1]

    def _make(self, content: Content, validity: bytes) -> Parts | Refused:
        encoded = encode_text(content.text, self._profile)
        if encoded is None:
            return Refused("alphabet", "carrier")
        data_coding, payloads = encoded
        options = b""
        if self._profile.flash:
            if data_coding in _CODINGS_WITH_CLASS:
                data_coding |= _MESSAGE_CLASS_0
            else:
                options = pdu.tlv(pdu.DEST_ADDR_SUBUNIT, b"\x01")
        segmented_by: Literal["udh", "sar"] = "sar" if self._profile.long_message == "sar" else "udh"
        return tuple(
            pdu.submit(
                self._sources[content.alert_class],
                payload,
                data_coding=data_coding,
                validity=validity,
                segment=(index, len(payloads)) if len(payloads) > 1 else None,
                segmented_by=segmented_by,
                options=options,
                referenced=self._profile.reference,
            )
            for index, payload in enumerate(payloads, 1)
        )


def encode_text(text: str, profile: SmppProfile) -> tuple[int, list[bytes]] | None:
    """Return (data_coding, the payload of each PDU), or None where the carrier has no alphabet for the text.

    Latin-1 carries what GSM 03.38 has too: the SMSC turns it into septets, so it is these that are counted.
    """
    codings = profile.alphabets
    split = split_sms(text)
    parts = [text] if profile.long_message == "payload" else list(split.parts)
    if split.alphabet == "gsm7":
        if "latin1" in codings:
            with suppress(UnicodeEncodeError):  # a euro sign or a Greek letter: another alphabet must carry it
                return codings["latin1"], [part.encode("latin-1") for part in parts]
        if "gsm7" in codings:
            return codings["gsm7"], [gsm7_encode(part) for part in parts]
        parts = [text] if profile.long_message == "payload" else list(split_ucs2(text).parts)
    if "ucs2" in codings:
        return codings["ucs2"], [ucs2_encode(part) for part in parts]
    return None


def sources(settings: Smpp) -> Mapping[AlertClass, pdu.Source]:
    """Return the sender of each class.

    Raises: ValueError for a sender that no PDU can hold: a fault of the configuration.
    """
    named = settings.source if isinstance(settings.source, Mapping) else dict.fromkeys(CLASSES, settings.source)
    return {alert_class: source(named.get(alert_class, ""), settings.profile) for alert_class in CLASSES}


def source(name: str, profile: SmppProfile) -> pdu.Source:
    """Return E.164 as TON 1 NPI 1, a short code as TON 0, letters as TON 5; the profile's own values go first."""
    if name.startswith("+") or (name.isdigit() and len(name) > 8):
        ton, npi, address = _TON_INTERNATIONAL, _NPI_E164, name.removeprefix("+")
    elif name.isdigit() or not name:
        ton, npi, address = _TON_NETWORK_SPECIFIC, _NPI_UNKNOWN, name
    else:
        ton, npi, address = _TON_ALPHANUMERIC, _NPI_UNKNOWN, name
    if ton == _TON_ALPHANUMERIC and len(address) > 11:
        raise ValueError("source: an alphanumeric sender has at most 11 characters")
    pdu.c_octets(address)
    return pdu.Source(
        ton if profile.source_ton is None else profile.source_ton,
        npi if profile.source_npi is None else profile.source_npi,
        address,
    )


def validity_period(expires_at: Instant, now: Instant, form: Literal["relative", "absolute", "off"]) -> str:
    """Return how long the SMSC may try (5.2.16), to the second."""
    if form == "off":
        return ""
    if form == "absolute":
        return datetime.fromtimestamp(expires_at // 1000, UTC).strftime("%y%m%d%H%M%S") + "000+"
    left_s = min(max(1, (expires_at - now) // 1000), VALIDITY_DAYS_MAX * 86_400)
    minutes, seconds = divmod(left_s, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return f"0000{days:02d}{hours:02d}{minutes:02d}{seconds:02d}000R"


class Concatenations:
    """Draws references for long messages so that one destination never has two alike in the air."""

    def __init__(self, start: int) -> None:
        """Begin at a drawn `start`, so that a restart does not repeat the references before it."""
        self._counters = bytearray([start & 0xFF]) * CONCATENATIONS

    def draw(self, destination: bytes) -> int:
        at = crc32(destination) % CONCATENATIONS
        drawn = self._counters[at] = (self._counters[at] + 1) & 0xFF
        return drawn
