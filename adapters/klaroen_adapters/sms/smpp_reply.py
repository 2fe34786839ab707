"""What a handset wrote: the words of a deliver_sm that is no receipt.

Law: pure; nothing that comes in raises. Letters that the alphabet does not have are shown as U+FFFD: it is the police
who read this, and half a report is better than none. Parts of a long message come one by one, as they are.
"""

from collections.abc import Callable, Mapping
from typing import Final

from klaroen.core.ports import Reply
from klaroen.core.text import gsm7_decode
from klaroen_adapters.sms.smpp_pdu import Inbound
from klaroen_adapters.sms.smpp_receipt import address

_ESM_UDHI: Final = 0x40


def _default(octets: bytes) -> str:
    """The SMSC's default alphabet: GSM 03.38 nearly everywhere, Latin-1 where an octet is none of its septets."""
    return gsm7_decode(octets) if octets.isascii() else octets.decode("latin-1")


_ALPHABETS: Final[Mapping[int, Callable[[bytes], str]]] = {
    1: lambda octets: octets.decode("ascii", "replace"),
    3: lambda octets: octets.decode("latin-1"),
    8: lambda octets: octets.decode("utf-16-be", "replace"),
    18: lambda octets: octets.decode("utf-16-be", "replace"),
}
"""By data_coding (3.4, 5.2.19); others mean the default alphabet, as message classes do."""


def read_reply(inbound: Inbound, ticket: object) -> Reply | None:
    """Return what was written, or None where nobody can tell by whom."""
    number = address(inbound.source_ton, inbound.source)
    if number is None:
        return None
    octets = inbound.text
    if inbound.esm_class & _ESM_UDHI and octets:
        octets = octets[1 + octets[0] :]
    text = _ALPHABETS.get(inbound.data_coding, _default)(octets)
    return Reply(number, text, ticket=ticket)
