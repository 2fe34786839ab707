"""Delivery receipts as carriers really write them: in options or in text, in any order, with or without half of it.

Law: only what the PDU itself marks as a receipt is one, for a handset can type the same words. An option wins over the
text. A state that is not in the table is neither delivered nor final. Nothing that comes in raises.
"""

import re
from typing import Final, Literal

from klaroen.core.ports import Receipt
from klaroen_adapters.sms.smpp_pdu import (
    MESSAGE_ID_MAX,
    MESSAGE_PAYLOAD,
    MESSAGE_STATE,
    NETWORK_ERROR_CODE,
    RECEIPTED_MESSAGE_ID,
    USER_MESSAGE_REFERENCE,
    Inbound,
)

IdForm = Literal["opaque", "hex", "dec"]
State = Literal["buffered", "failed", "reached"]

STATES: Final[dict[str, State]] = {
    "DELIVRD": "reached",
    "DELIVERED": "reached",
    "EXPIRED": "failed",
    "DELETED": "failed",
    "UNDELIV": "failed",
    "REJECTD": "failed",
    "FAILED": "failed",
    "SKIPPED": "failed",
    "ACCEPTD": "buffered",
    "ACKED": "buffered",
    "BUFFRED": "buffered",
    "BUFFERD": "buffered",
    "ENROUTE": "buffered",
    "SCHEDLD": "buffered",
    "UNKNOWN": "buffered",
}
"""The text's `stat`. Accepted, buffered, unknown: later word may still come, and the step's own deadline decides."""

DELIVERED: Final = b"delivrd"
MESSAGE_STATES: Final = {
    0: b"schedld",
    1: b"enroute",
    2: DELIVERED,
    3: b"expired",
    4: b"deleted",
    5: b"undeliv",
    6: b"acceptd",
    7: b"unknown",
    8: b"rejectd",
    9: b"skipped",
}
"""The option `message_state` (5.2.28, and 0 and 9 from SMPP 5.0), in the text's words, in lower case."""

_RECEIPT_TYPES: Final = frozenset({0x04, 0x20})
"""esm_class, bits 5 to 2: delivery receipt, intermediate notification."""
_ESM_UDHI: Final = 0x40
_UCS2_CODINGS: Final = frozenset({0x08, 0x18})
_TON_INTERNATIONAL: Final = 1
_TON_UNKNOWN: Final = 0
E164_LIKELY: Final = 10
"""Digits from which a number of unknown type, without a leading zero, is taken to be international."""

# A value may be absent, so that what stands next is another key; white space is anything or nothing. Searched in lower
# case, each with its key as a literal prefix, which the engine finds fast: the look-behind stands after it.
_NO_KEY: Final = rb"(?!(?i:id|sub|dlvrd|submit|done|stat|err|text)(?i:[a-z\t\n\r ]*):)"
_VALUE: Final = rb"[\t\n\r ]*:[\t\n\r ]*" + _NO_KEY
_ID: Final = re.compile(rb"id(?<![a-z0-9_]id)" + _VALUE + rb"([!-~]{1,%d})(?![!-~])" % MESSAGE_ID_MAX).search
_ERROR: Final = rb"err(?<![a-z0-9_]err)" + _VALUE + rb"0*([a-z0-9]{0,16})"
_STAT: Final = re.compile(rb"stat(?<![a-z0-9_]stat)" + _VALUE + rb"([a-z]{1,16})(?:[\t\n\r ]+" + _ERROR + rb")?").search
_ERR: Final = re.compile(_ERROR).search
# A delivered message in a deliver_sm as most carriers write it, from the first octet to the last: Appendix B of 3.4 in
# the text, and the options, if any, in this order. A short cut through all of the above, with the same findings.
_ARRIVAL: Final = re.compile(
    rb"[^\0]{0,64}\0\x01.([1-9][0-9]{6,14})\0..[^\0]{0,64}\0\x04..\0\0..\0.(.)"
    rb"(id:([0-9A-Za-z-]{1,64}) sub:[0-9]{3} dlvrd:[0-9]{3} submit date:[0-9]{10,12} done date:[0-9]{10,12}"
    rb" stat:DELIVRD (?:err:0{1,3} )?[Tt]ext:[^\0]*)"
    rb"(?:\x00\x1e\x00(.)\4\0)?(?:\x04\x27\x00\x01\x02)?(?:\x02\x04\x00\x02(..))?",
    re.DOTALL,
).fullmatch


def is_receipt(inbound: Inbound) -> bool:
    """Tell whether the PDU marks itself as a receipt: by its message type, or by an option that no handset can set."""
    return inbound.esm_class & 0x3C in _RECEIPT_TYPES or RECEIPTED_MESSAGE_ID in inbound.options


class ReceiptReader:
    """One carrier's receipts, read by its profile."""

    def __init__(self, id_form: IdForm, means: Literal["handset", "network"]) -> None:
        self._id_form = id_form
        self._arrived: Literal["network", "reached"] = "network" if means == "network" else "reached"
        self._states: dict[bytes, tuple[Literal["buffered", "failed", "network", "reached"], str]] = {
            word.encode(): ("network" if state == "reached" and means == "network" else state, stat)
            for stat, state in STATES.items()
            for word in (stat, stat.lower())
        }

    def read_arrival(self, body: bytes, ticket: object) -> Receipt | None:
        """Return the receipt of a deliver_sm that is a usual proof of arrival, as `read` would [1.2 µs against 5]."""
        found = _ARRIVAL(body)
        if found is None:
            return None
        number, length, text, name, option, reference = found.groups()
        if length[0] != len(text) or (option is not None and option[0] != len(name) + 1):
            return None
        ref, alias = names(name.decode("ascii"), self._id_form)
        return Receipt(
            state=self._arrived,
            code="DELIVRD",
            ref=ref,
            alias=alias,
            reference=None if reference is None else int.from_bytes(reference, "big"),
            address="+" + number.decode("ascii"),
            ticket=ticket,
        )

    def read(self, inbound: Inbound, ticket: object) -> Receipt | None:
        """Return the receipt, or None where it names neither an id nor a reference and so belongs to nothing."""
        text = inbound.text
        if inbound.esm_class & _ESM_UDHI or inbound.data_coding or not text:
            text = words_of(inbound)
        name, stat, error, reference = _search(text, inbound.options)
        if not name and reference is None:
            return None
        state, code = self._states.get(stat) or ("buffered", stat.decode("ascii").upper() or "UNKNOWN")
        ref, alias = names(name.decode("latin-1"), self._id_form) if name else (None, None)
        return Receipt(
            state=state,
            code=f"{code}/{error}" if error else code,
            ref=ref,
            alias=alias,
            reference=reference,
            address=address(inbound.source_ton, inbound.source),
            ticket=ticket,
        )


def _search(text: bytes, options: dict[int, bytes]) -> tuple[bytes, bytes, str, int | None]:
    """Return (id, stat, error, reference), each from the options or else from the text, empty where neither says it.

    An error of zeros is none, and so is that of what arrived.
    """
    name, state, error, reference = _read_options(options)
    if name and state == DELIVERED:
        return name, state, error, reference
    lowered = text.lower()
    if not name and (found := _ID(lowered)):
        name = text[found.start(1) : found.end(1)]
    found = _STAT(lowered)
    stat, err = found.groups() if found else (b"", None)
    if err is None and (found := _ERR(lowered)):  # it does not stand right behind, as it mostly does
        err = found[1]
    return name, state or stat, error or (err or b"").decode("ascii"), reference


def _read_options(options: dict[int, bytes]) -> tuple[bytes, bytes, str, int | None]:
    """Return (id, stat, error, reference), each empty where no option says it."""
    name = options.get(RECEIPTED_MESSAGE_ID, b"").partition(b"\0")[0]
    state = options.get(MESSAGE_STATE, b"")
    reference = options.get(USER_MESSAGE_REFERENCE, b"")
    return (
        name if len(name) <= MESSAGE_ID_MAX else b"",
        MESSAGE_STATES.get(state[0], b"") if state else b"",
        network_error(options.get(NETWORK_ERROR_CODE, b"")),
        int.from_bytes(reference, "big") if len(reference) == 2 else None,
    )


def words_of(inbound: Inbound) -> bytes:
    """Return the receipt's text as octets in which ASCII is ASCII: without a user data header, UCS-2 narrowed."""
    text = inbound.text or inbound.options.get(MESSAGE_PAYLOAD, b"")
    if inbound.esm_class & _ESM_UDHI and text:
        text = text[1 + text[0] :]
    if inbound.data_coding in _UCS2_CODINGS and b"\0" in text:
        text = text.decode("utf-16-be", "replace").encode("latin-1", "replace")
    return text


def canonical(name: str, form: Literal["hex", "dec"]) -> str | None:
    """Return the id in decimal without padding, or None where it is not in that form."""
    if not name.isalnum() or not name.isascii():
        return None
    try:
        return str(int(name, 16 if form == "hex" else 10))
    except ValueError:
        return None


def names(name: str, form: IdForm) -> tuple[str, str | None]:
    """Return a receipt's id, and another spelling of it to try where that one matches nothing.

    Carriers that declare no form still pad with zeros, or change the case, between the response and the receipt.
    """
    if form != "opaque" and (known := canonical(name, form)) is not None:
        return known, None
    if name[0] != "0" and name.isdigit():
        return name, None
    for other in (name.lstrip("0"), name.lower(), name.upper()):
        if other not in ("", name):
            return name, other
    return name, None


def network_error(value: bytes) -> str:
    """Return the network's error: one octet of network type and two of code, or three ASCII digits (some vendors)."""
    if len(value) != 3:
        return ""
    if value.isdigit():
        return "" if value == b"000" else value.decode("ascii")
    code = int.from_bytes(value[1:], "big")
    return str(code) if code else ""


def address(ton: int, digits: bytes) -> str | None:
    """Return the handset's number, E.164 with "+" where it can be told; else as the carrier wrote it."""
    if not digits:
        return None
    number = digits.decode("latin-1")
    if not digits.isdigit():
        return number
    if number[0] == "0":
        return "+" + number[2:] if number.startswith("00") else number
    told = ton == _TON_INTERNATIONAL or (ton == _TON_UNKNOWN and len(number) >= E164_LIKELY)
    return "+" + number if told else number
