"""What was heard, kept once however many heard it.

Law: what a call heard is a list of stretches of sounds; together they are its octets, exactly. Which sounds there are
is only a matter of thrift: whoever hears most of one writes it down, the others follow it.
"""

from collections.abc import Callable
from typing import Final

from klaroen_bench.carriers.rtp import OCTETS

OCTETS_MAX: Final = 64 << 20
"""Over all sounds, 2.2 hours: a few clips are expected; who plays noise to everybody is cut short here."""
STRETCHES_MAX: Final = 1_000
GAP: Final = -1
"""Stands for a sound where packets are missing."""

Stretch = list[int]
"""Sound, from which octet, how many. For a gap: `GAP`, 0, how many packets."""


class Sounds:
    def __init__(self, keep: Callable[[int, bytes], None]) -> None:
        """`keep` writes down that a sound (by number, from 0) goes on with these octets."""
        self._keep = keep
        self._sounds: list[bytearray] = []
        self._heads: dict[bytes, int] = {}
        self._octets = 0

    def follow(self, stretches: list[Stretch], octets: bytes) -> bool:
        """Add what a call heard to its stretches; return False if there is no more room for it."""
        at, size = 0, len(octets)
        last = stretches[-1] if stretches and stretches[-1][0] != GAP else None
        while at < size:
            if last is not None:
                sound = self._sounds[last[0]]
                place = last[1] + last[2]
                if sound[place : place + size - at] == (octets[at:] if at else octets):
                    last[2] += size - at
                    return True
                piece = octets[at : at + OCTETS]
                goes_on = sound[place : place + len(piece)] == piece
                if not goes_on and place == len(sound) and self._may_extend(sound, piece):
                    self._extend(last[0], piece)
                    goes_on = True
                if goes_on:
                    last[2] += len(piece)
                    at += len(piece)
                    continue
            piece = octets[at : at + OCTETS]
            if len(stretches) >= STRETCHES_MAX or (piece not in self._heads and not self._has_room(piece)):
                return False
            if piece not in self._heads:
                self._heads[piece] = len(self._sounds)
                self._sounds.append(bytearray())
                self._extend(self._heads[piece], piece)
            last = [self._heads[piece], 0, len(piece)]
            stretches.append(last)
            at += len(piece)
        return True

    def _may_extend(self, sound: bytearray, piece: bytes) -> bool:
        """What begins another sound is that one again; but a silence is one however long it lasts."""
        return self._has_room(piece) and (piece not in self._heads or sound.endswith(piece))

    def _has_room(self, piece: bytes) -> bool:
        return self._octets + len(piece) <= OCTETS_MAX

    def _extend(self, sound: int, piece: bytes) -> None:
        self._sounds[sound] += piece
        self._octets += len(piece)
        self._keep(sound, piece)
