"""Who listens to a world: at every commit, hand-over, word of a carrier and acknowledgement.

Law: an ear hears things in the order in which they happen and changes none of them; what it raises ends the world.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from klaroen.core.ports import Event, Receipt, Reply
from klaroen.core.records import Standing

if TYPE_CHECKING:
    from klaroen.testing.far_end import FarEnd, Handed
    from klaroen.testing.world import World

Write = tuple[str, tuple[object, ...]]
"""A write method of the store, and what it was given."""


class Ear(Protocol):
    def began(self, world: "World", standing: Standing) -> None:
        """Dispatch has recovered from what stands, and starts."""

    def committed(self, writes: Sequence[Write]) -> None:
        """These have become durable together."""

    def took(self, end: "FarEnd", handed: "Handed", copies: int) -> None:
        """A far end was handed an envelope; so many copies reached the handset."""

    def said(self, end: "FarEnd", events: Sequence[Event]) -> None:
        """Our side of a carrier is about to emit these."""

    def acknowledged(self, end: "FarEnd", receipts: Sequence[Receipt], *, stored: bool) -> None:
        """A carrier was told what became of its receipts."""

    def kept(self, replies: Sequence[Reply]) -> None:
        """Somebody was told that what handsets wrote is kept."""


class Deaf:
    """Hears nothing."""

    def began(self, world: "World", standing: Standing) -> None: ...
    def committed(self, writes: Sequence[Write]) -> None: ...
    def took(self, end: "FarEnd", handed: "Handed", copies: int) -> None: ...
    def said(self, end: "FarEnd", events: Sequence[Event]) -> None: ...
    def acknowledged(self, end: "FarEnd", receipts: Sequence[Receipt], *, stored: bool) -> None: ...
    def kept(self, replies: Sequence[Reply]) -> None: ...
