"""A run of envelopes of one content becomes octets, and a slot for each PDU to be answered.

Law: one call for a run, whatever its length; a message of several parts has one concatenation reference for all.
"""

from collections.abc import Callable, Sequence

from klaroen.core.ports import Envelope
from klaroen_adapters.sms.smpp_pdu import Submit, encode_many, encode_part
from klaroen_adapters.sms.smpp_window import Slot, split

Draw = Callable[[bytes], int]
"""Gives the next concatenation reference for a destination."""


def encode_run(
    run: Sequence[Envelope], parts: Sequence[Submit], sequences: Sequence[int], draw: Draw
) -> tuple[bytes, Sequence[Slot]]:
    """Return the PDUs, and the slot of each sequence number, in order.

    Shape: len(sequences) == len(run) * len(parts); each address is "+" and digits.
    """
    destinations = [envelope.address[1:].encode() for envelope in run]
    if len(parts) == 1:
        references = [envelope.reference for envelope in run]
        return encode_many(parts[0], sequences, destinations, references), [envelope.attempt for envelope in run]
    slots: list[Slot] = []
    pieces = []
    numbers = iter(sequences)
    for envelope, destination in zip(run, destinations, strict=True):
        concatenation = draw(destination)
        slots += split(envelope.attempt, len(parts))
        pieces += [encode_part(part, next(numbers), destination, envelope.reference, concatenation) for part in parts]
    return b"".join(pieces), slots
