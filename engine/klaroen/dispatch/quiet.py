"""Members who want no cold messages any more (R17): by STOP on all channels, by the link in a mail on that one.

Law: what stands here stands in the store, beside the register, so that no import lifts it; the list keeper can.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable

import msgspec

from klaroen.core.model import Channel, MemberId
from klaroen.core.records import Store
from klaroen.core.replies import Quiet

_quiet = msgspec.msgpack.Decoder(Quiet).decode


class QuietMembers:
    """Who they are, by channel; None stands for every channel."""

    def __init__(self, quiets: Iterable[Quiet] = ()) -> None:
        self._by_channel: dict[Channel | None, dict[MemberId, Quiet]] = defaultdict(dict)
        for one in quiets:
            self.add(one)

    @classmethod
    def load(cls, store: Store) -> "QuietMembers":
        return cls(map(_quiet, store.decrees("quiet")))

    def add(self, quiet: Quiet) -> None:
        self._by_channel[quiet.channel][quiet.member] = quiet

    def remove(self, quiet: Quiet) -> None:
        self._by_channel[quiet.channel].pop(quiet.member, None)

    def of(self, member: MemberId) -> list[Quiet]:
        return [known[member] for known in self._by_channel.values() if member in known]

    def wants_none(self, member: MemberId, channel: Channel) -> bool:
        """Whether the member wants no cold message by this channel."""
        return member in self._by_channel[None] or member in self._by_channel[channel]

    def on_channel(self, channel: Channel) -> bool:
        """Whether anybody wants none by this channel alone."""
        return bool(self._by_channel[channel])

    def everywhere(self) -> Collection[MemberId]:
        return self._by_channel[None].keys()
