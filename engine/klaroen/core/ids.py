"""Names for alerts and attempts.

Law: an id is a function of what it names; chance comes in as a value.
"""

import hashlib
from base64 import b32encode
from collections.abc import Collection, Iterable
from typing import Final

from klaroen.core.model import AlertId, AttemptId, Batch, CarrierName

REFERENCES: Final = 65_536
"""user_message_reference (0x0204) has 16 bits."""


def alert_id(chance: bytes) -> AlertId:
    """Return an id of 26 characters of [A-Z2-7] from 16 random bytes."""
    assert len(chance) == 16
    return AlertId(b32encode(chance)[:26].decode())


def attempt_ids(batch: Batch, carrier: CarrierName, deliveries: Iterable[int]) -> list[AttemptId]:
    """Return the attempt id of each of these deliveries of the batch on one carrier, in order.

    26 characters hashed from (alert, delivery, step, carrier, try): a resend after `Unknown` by the same carrier is the
    same attempt and carries the same key; `try` grows only after a definite answer. [0.5 µs each; base32 3.2]
    """
    words = (batch.alert, str(batch.rung), batch.step.channel, batch.step.address, carrier, str(batch.attempt_no))
    copy = hashlib.blake2b("\x1f".join(words).encode(), digest_size=13).copy
    ids = []
    for delivery in deliveries:
        digest = copy()
        digest.update(delivery.to_bytes(4, "little"))
        ids.append(AttemptId(digest.hexdigest()))
    return ids


def free_reference(taken: Collection[int]) -> int:
    """Return the first of the longest run of references of which none is taken."""
    ordered = sorted(taken)
    runs = ((after - before, before) for before, after in zip(ordered, [*ordered[1:], *ordered[:1]], strict=True))
    longest = max(((length % REFERENCES or REFERENCES, before) for length, before in runs), default=(0, -1))
    return (longest[1] + 1) % REFERENCES
