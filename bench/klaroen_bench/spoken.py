"""Which clips say an alert's texts, and what else may be said in its calls.

Law: a clip's file must hold what its name promises, be about as long as its text takes to say, and be loud enough to be
heard. Which of them says which text is Klaroen's word, where it names one; else it is the clip that most of those who
were called in that language heard first, and the others were told something else.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from klaroen_bench.audience import AuditError
from klaroen_bench.g711 import rms
from klaroen_bench.hearing import beginning

RATE: Final = 8_000
"""Octets a second."""
CHARACTERS_PER_S: Final = (4.0, 40.0)
"""Nobody speaks slower or faster [read aloud: 12 to 18]."""
SILENCES_S: Final = 3.0
"""Around the words, at most."""
LOUD: Final = 300.0
"""Of 32,767: -40 dB, below which nobody understands [speech: 2,000 to 5,000]."""


class Spoken(Struct, frozen=True):
    """What calls of one alert may play."""

    texts: Mapping[str, str]
    """By clip's name, the text that it says."""
    clips: Mapping[str, bytes]
    """Those clips."""
    others: tuple[bytes, ...]
    """What else may be said: prompts, and the zones' replies. Nothing in a crisis (R10)."""


SILENT: Final = Spoken({}, {}, ())


class FirstHeard(Struct, frozen=True):
    """What the call of one attempt began with."""

    attempt: str
    octets: bytes


def read_spoken(
    directory: Path,
    alert: Mapping[str, Any],
    deliveries: Sequence[Mapping[str, Any]],
    heard: Iterable[FirstHeard] = (),
) -> Spoken:
    """Return what calls of this alert may play, by a clip store. Raises AuditError."""
    store = dict(_read_clips(directory))
    named = _named(deliveries) or _heard_by_most(store, deliveries, heard)
    texts: dict[str, str] = {}
    for language, clip in sorted(named):
        text = alert.get("content", {}).get(language, {}).get("text")
        if text is None or clip not in store:
            raise AuditError(f"clip {clip[:12]} of language {language} is not there, or says no text that was posted")
        if texts.setdefault(clip, text) != text:
            raise AuditError(f"clip {clip[:12]} says two texts")
        _check_plausible(clip, store[clip], text)
    others = () if alert["class"] == "crisis" else tuple(octets for clip, octets in store.items() if clip not in texts)
    return Spoken(texts, {clip: store[clip] for clip in texts}, others)


def _named(deliveries: Iterable[Mapping[str, Any]]) -> set[tuple[str, str]]:
    """Return (language, clip) wherever Klaroen names one: with each call."""
    named = set()
    for delivery in deliveries:
        for attempt in delivery["attempts"]:
            clip = (attempt.get("call") or {}).get("clip_sha256")
            if clip:
                named.add((delivery["language"], clip))
    return named


def _heard_by_most(
    store: Mapping[str, bytes], deliveries: Iterable[Mapping[str, Any]], heard: Iterable[FirstHeard]
) -> set[tuple[str, str]]:
    """Return (language, clip) by what those heard first whose deliveries are in that language."""
    languages = {attempt["id"]: one["language"] for one in deliveries for attempt in one["attempts"]}
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for call in heard:
        clip = beginning(call.octets, store)
        if clip is not None and call.attempt in languages:
            counts[languages[call.attempt]][clip] += 1
    return {(language, found.most_common(1)[0][0]) for language, found in counts.items()}


def _read_clips(directory: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(directory.glob("*.alaw")):
        octets = path.read_bytes()
        if hashlib.sha256(octets).hexdigest() != path.stem:
            raise AuditError(f"clip {path.stem[:12]} does not hold what its name promises")
        yield path.stem, octets


def _check_plausible(clip: str, octets: bytes, text: str) -> None:
    slow, fast = CHARACTERS_PER_S
    seconds = len(octets) / RATE
    if not len(text) / fast <= seconds <= len(text) / slow + SILENCES_S:
        raise AuditError(f"clip {clip[:12]} takes {seconds:.1f} s for {len(text)} characters")
    if rms(octets) < LOUD:
        raise AuditError(f"clip {clip[:12]} can hardly be heard")
