"""What a call played to its callee: the octets in a trunk's ledger held against the clips that were to be played.

Law: it imports nothing of the engine, and knows a clip by its octets alone. What may be heard is one clip from its
start, as often as it is played, and after it silence and what else may be said (prompt, reply). Only a key breaks off
what is said. Anything else is strange. What the network lost is not heard, but is nothing strange either.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from msgspec import Struct

from klaroen_bench.carriers.rtp import OCTETS
from klaroen_bench.carriers.sounds import GAP
from klaroen_bench.g711 import SILENCE, TO_ULAW

WHOLE_SHARE: Final = 0.8
"""Of the clip: who has heard as much was reached (R15) ..."""
IN_FLIGHT: Final = 3 * OCTETS
"""... but for three packets that were on their way when the callee hung up."""
_SILENCE: Final = bytes([SILENCE])
_SILENCES: Final = {False: _SILENCE, True: _SILENCE.translate(TO_ULAW)}
"""In A-law, and in mu-law."""


class Heard(Struct, frozen=True):
    clips: frozenset[str]
    """Of which it may be a play: several where they begin alike, none if none was heard."""
    share: float
    """Of the clip, in the play of which most was heard; of what is strange, as if it were one."""
    plays: int
    """How often the clip was begun."""
    others: int
    """How often something else was said that may be."""
    strange: bool
    """Something was heard that is none of these."""

    @property
    def whole(self) -> bool:
        return self.share >= WHOLE_SHARE


class Listener:
    """Judges what calls heard; what several heard alike is judged once."""

    def __init__(self, sounds: Mapping[int, bytes], clips: Mapping[str, bytes], others: Collection[bytes] = ()) -> None:
        """`sounds` are the ledger's, by number; `clips`, by name, carry the alert; `others` may be said after one."""
        self._sounds = sounds
        clips = {name: octets for name, octets in sorted(clips.items()) if octets}
        self._says = {
            False: (clips, [octets for octets in others if octets]),
            True: (
                {name: octets.translate(TO_ULAW) for name, octets in clips.items()},
                [octets.translate(TO_ULAW) for octets in others if octets],
            ),
        }
        """What may be said, in A-law and in mu-law."""
        self._known: dict[tuple[object, ...], Heard] = {}

    def hear(self, stretches: Sequence[Sequence[int]], keys: str = "", *, mu_law: bool = False) -> Heard:
        """Return what a call heard, in A-law or mu-law, in which these keys were pressed.

        Raises ValueError where the ledger lacks what its stretches name.
        """
        known = (bool(keys), mu_law, *map(tuple, stretches))
        if known not in self._known:
            self._known[known] = self._judge(self._segments(stretches), may_break=bool(keys), mu_law=mu_law)
        return self._known[known]

    def _segments(self, stretches: Sequence[Sequence[int]]) -> list[bytes]:
        """Return what was heard between gaps; any may be empty."""
        segments = [bytearray()]
        for sound, start, size in stretches:
            if sound == GAP:
                segments.append(bytearray())
                continue
            octets = self._sounds.get(sound, b"")[start : start + size]
            if len(octets) != size:
                raise ValueError(f"the ledger lacks octets of sound {sound}")
            segments[-1] += octets
        return [bytes(segment) for segment in segments]

    def _judge(self, segments: Sequence[bytes], *, may_break: bool, mu_law: bool) -> Heard:
        """Judge by each clip: what makes sense by one does, whatever the others say to it."""
        clips, others = self._says[mu_law]
        silence = _SILENCES[mu_law]
        by_clip = {
            name: _Trial(octets, others, silence, may_break=may_break).of(segments) for name, octets in clips.items()
        }
        sensible = {name: found for name, found in by_clip.items() if not found.strange}
        if not sensible:
            if not any(segment.strip(silence) for segment in segments):
                return Heard(frozenset(), 0.0, 0, 0, False)
            octets, shortest = sum(map(len, segments)), min(map(len, clips.values()), default=1)
            return Heard(frozenset(), round(min(1.0, octets / shortest), 4), 0, 0, True)
        best = max(sensible.values(), key=lambda found: found.share)
        names = frozenset(name for name, found in sensible.items() if found.share and found.plays)
        return Heard(names, best.share, best.plays, best.others, False)


class _Found(Struct, frozen=True):
    share: float
    plays: int
    others: int
    strange: bool


class _Trial:
    """One call held against one clip."""

    def __init__(self, clip: bytes, others: Sequence[bytes], silence: bytes, *, may_break: bool) -> None:
        self._units = [clip, *others]
        self._silence = silence
        self._leads = [_quiet(unit, 0, silence) for unit in self._units]
        self._may_break = may_break
        self._heard: list[int] = []
        """Octets of each play."""
        self._at = 0
        """How far the last play has come ..."""
        self._goes_on = False
        """... if it is what was heard last."""
        self._said = 0

    @property
    def _plays(self) -> int:
        return len(self._heard)

    def of(self, segments: Sequence[bytes]) -> _Found:
        strange = not all(self._follow(segment, after_gap=index > 0) for index, segment in enumerate(segments))
        clip = self._units[0]
        most = max(self._heard, default=0)
        in_flight = IN_FLIGHT if most < len(clip) else 0
        share = min(1.0, (most + in_flight) / len(clip)) if most else 0.0
        return _Found(round(share, 4), self._plays, self._said, strange)

    def _follow(self, segment: bytes, *, after_gap: bool) -> bool:
        """Return whether all of a segment is what may be heard; note what of the clip it is."""
        at = floor = 0
        while at < len(segment):
            quiet = _quiet(segment, at, self._silence)
            if at + quiet == len(segment):
                return True
            find = self._anywhere if after_gap else self._from_start
            unit, start, begins, size = find(segment, at, quiet, floor)
            if not size or (unit and not self._plays and not after_gap):
                return False
            if begins < at:
                self._heard[-1] -= (at - begins) * self._goes_on
            broken, came = start + size < len(self._units[unit]), at
            at = floor = begins + size
            if broken and at < len(segment):
                size -= size % OCTETS  # it was broken off after a packet
                if not self._may_break or begins + size <= came:
                    return False
                at = begins + size
            if self._may_break:
                # What follows may begin with the silence that this would have had, or seems to have had.
                floor = max(begins, len(segment[:at].rstrip(self._silence)))
            self._note(unit, start, size)
            after_gap = False
        return True

    def _note(self, unit: int, start: int, size: int) -> None:
        self._goes_on = not unit
        if unit:
            self._said += 1
            return
        if start < self._at or not (start and self._heard):
            self._heard.append(0)
        self._at = start + size
        self._heard[-1] += size

    def _from_start(self, segment: bytes, at: int, quiet: int, floor: int) -> tuple[int, int, int, int]:
        """Return the unit that begins here or within this silence and reaches furthest: it, 0, from where, how much."""
        best = (0, 0, at, 0)
        for index, (unit, lead) in enumerate(zip(self._units, self._leads, strict=True)):
            begins = at + quiet - lead
            if begins < floor:
                continue
            size = agreement(segment, begins, unit, 0)
            if size > lead and begins + size > best[2] + best[3]:
                best = (index, 0, begins, size)
        return best

    def _anywhere(self, segment: bytes, at: int, quiet: int, floor: int) -> tuple[int, int, int, int]:
        """Return likewise the unit of which most goes on here, from any of its packets, unless that is silence."""
        best = (0, 0, at, quiet)
        for index, unit in enumerate(self._units):
            for start in range(0, len(unit), OCTETS):
                size = agreement(segment, at, unit, start)
                if size > best[3]:
                    best = (index, start, at, size)
        return best if best[3] > quiet else self._from_start(segment, at, quiet, floor)


def beginning(heard: bytes, clips: Mapping[str, bytes]) -> str | None:
    """Return which clip a call in A-law began with; None where it began with none, or with several alike."""
    found = {name: agreement(heard, 0, octets, 0) for name, octets in clips.items()}
    most = max(found.values(), default=0)
    spoken = heard[:most].strip(_SILENCE)
    longest = [name for name, size in found.items() if size == most]
    return longest[0] if spoken and len(longest) == 1 else None


def agreement(heard: bytes, at: int, unit: bytes, start: int) -> int:
    """Return how many octets of what was heard from `at` on are those of a unit from `start` on."""
    size = min(len(heard) - at, len(unit) - start)
    one, other = heard[at : at + size], unit[start : start + size]
    if one == other:
        return size
    low, high = 0, size - 1  # the first difference lies in [low, high]
    while low < high:
        middle = (low + high) // 2
        if one[low : middle + 1] == other[low : middle + 1]:
            low = middle + 1
        else:
            high = middle
    return low


def _quiet(octets: bytes, at: int, silence: bytes) -> int:
    """Return how many octets of silence follow."""
    return len(octets) - at - len(octets[at:].lstrip(silence))
