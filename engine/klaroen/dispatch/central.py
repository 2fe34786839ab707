"""The central number's desk (R19): who may speak, and the warm alert that comes of it.

Law: an officer's alert is posted as anybody's is, by the role of police, to the networks that name the officer and no
others, once a call. Every try is in the log of record; there a caller is a keyed hash, and an officer an id.
"""

import hashlib
import math
import os
import secrets
from collections import Counter
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Final

import structlog
import trio

from klaroen.clips import RATE
from klaroen.core import pins
from klaroen.core.calls import Submit
from klaroen.core.central import WORDS, Prompt
from klaroen.core.errors import InputError
from klaroen.core.intake import AlertRequest, Targets
from klaroen.core.intake import Recordings as RecordingNames
from klaroen.core.model import ClipId, Instant, Language, NetworkId, RecordingId, Token
from klaroen.core.pins import CALLER_TRIES, OFFICER_TRIES, Tries, is_locked, officer_of
from klaroen.core.ports import Identified, Speaker, Switchboard
from klaroen.dispatch.accept import accept
from klaroen.dispatch.desk import Desk
from klaroen.dispatch.kept import hash_address
from klaroen.dispatch.officers import networks_of
from klaroen.recordings import Recordings
from klaroen_adapters.speech.alaw import TABLE
from klaroen_adapters.voice.twilio_clip import wav

log = structlog.get_logger()

TONE_HZ: Final = 1_000
TONE_S: Final = 0.4
TONE_LEVEL: Final = 8_000
"""A quarter of full scale: heard by everybody, startling nobody."""
KEY: Final = "central-"
"""Before a call's name, the idempotency key of its alert."""
REFERENCE: Final = "central number"

_NOBODY: Final = pins.make_pin("", "", "", bytes(pins.SALT_BYTES), Instant(0))
"""An unknown code takes as long to be wrong as a known one."""


def open_central(desk: Desk, speaker: Speaker, recordings: Recordings) -> None:
    """Put the central number behind every carrier that can be called."""
    central = CentralDesk(desk, speaker, recordings)
    for station in desk.stations.values():
        if isinstance(station.carrier, Switchboard):
            station.carrier.serve(central)


class CentralDesk:
    """A `Central`."""

    def __init__(self, desk: Desk, speaker: Speaker, recordings: Recordings) -> None:
        self._desk = desk
        self._speaker = speaker
        self._recordings = recordings
        self._turns = trio.Lock()
        """One try at a time, so that no two count as one."""

    async def prompts(self, language: Language) -> Mapping[Prompt, ClipId]:
        """Return what callers hear, asked for once more; raises UnspeakableError."""
        made: dict[Prompt, ClipId] = {"tone": await trio.to_thread.run_sync(self._recordings.clips.put, tone())}
        for prompt, words in WORDS[language].items():
            clip = await self._speaker.render(words, language, verbatim=False)
            made[prompt] = clip.id
        for clip_id in made.values():
            self._recordings.clips.touch(clip_id)
        log.info("central number can be called", language=language)
        return made

    # --- who calls --------------------------------------------------------------------------------------------------

    async def identify(self, caller: str, code: str, pin: str) -> Identified:
        """Tell who calls; wrong tries are durable before anybody is told so."""
        tag = hash_address(self._desk.address_key, caller).hex()
        async with self._turns:
            found, why = await self._try(f"caller {tag}", code, pin)
        log.info("audit", what=f"central number: {why}", officer=found.officer, caller=tag)
        return found

    async def _try(self, caller: str, code: str, pin: str) -> tuple[Identified, str]:
        store, now = self._desk.store, self._desk.clock.now()
        known = next((one for one in store.pins() if one.code == code), None)
        officer = "" if known is None else known.officer
        counted = {caller: CALLER_TRIES} | ({} if known is None else {officer_of(officer): OFFICER_TRIES})
        stand = {who: store.tries(who) for who in counted}
        if any(tries is not None and is_locked(tries, now) for tries in stand.values()):
            return Identified("locked", officer), "tried while locked out"
        if await trio.to_thread.run_sync(pins.matches, known or _NOBODY, pin) and known is not None:
            for who, tries in stand.items():
                if tries is not None:
                    await self._desk.insist(store.put_tries, who, None)
            return Identified("known", officer), "identified"
        after = {who: pins.after_wrong(stand[who] or Tries(), most, now) for who, most in counted.items()}
        for who, tries in after.items():
            await self._desk.insist(store.put_tries, who, tries)
        if any(is_locked(tries, now) for tries in after.values()):
            return Identified("locked", officer), "locked out"
        return Identified("wrong", officer), "wrong PIN" if known is not None else "unknown number"

    # --- what is said -----------------------------------------------------------------------------------------------

    async def warn(self, call: str, officer: str, recording: bytes) -> bool:
        """Post the alert; False, and why in the log, where nobody is warned."""
        try:
            await self._post(call, officer, recording)
        except InputError as error:
            words = f"central number: nobody is warned ({error.problem.name})"
            log.warning("audit", what=words, officer=officer, call=call)
            return False
        log.info("audit", what="central number: members are warned", officer=officer, call=call)
        return True

    async def _post(self, call: str, officer: str, recording: bytes) -> None:
        """Raises InputError, as for anybody."""
        desk = self._desk
        networks = networks_of(desk.register.snapshot.networks, officer)
        if not networks:
            raise InputError("nobody", "No network names this officer any more.", rule="R8")
        token = token_of(officer, networks, desk.clock.now())
        request = AlertRequest(
            alert_class="warm",
            targets=Targets(networks=networks),
            recording=RecordingNames(**{self._language_of(networks): await self._take(token, recording)}),
            reference=REFERENCE,
            author=officer,
        )
        await accept(desk, token, Submit(request, KEY + call, hashlib.sha256(recording).digest()))

    async def _take(self, token: Token, recording: bytes) -> RecordingId:
        """Have the recording made fit for telephones, as one that is posted over HTTP. Raises InputError."""
        desk, spool = self._desk, self._recordings.spool
        if desk.recorder is None:
            raise InputError("unavailable", "Nobody takes recordings here.")
        octets, name = wav(recording), secrets.token_hex(16)
        await trio.to_thread.run_sync(partial(_write, spool, name, octets))
        digest = hashlib.sha256(octets).hexdigest()
        taken = await desk.recorder.take(name, digest, token.name, desk.clock.now())
        return taken.id

    def _language_of(self, networks: tuple[NetworkId, ...]) -> Language:
        """Return the language of most of the networks: that of whoever speaks to them (R16)."""
        known = self._desk.register.snapshot.networks
        return Counter(known[name].languages[0] for name in networks).most_common(1)[0][0]


def token_of(officer: str, networks: tuple[NetworkId, ...], now: Instant) -> Token:
    """Return what an officer at the telephone may do; it is nobody's to show, so it has no secret."""
    return Token(name=f"officer {officer}", hash=b"", role="police", networks=networks, created_at=now)


def _write(directory: Path, name: str, octets: bytes) -> None:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(directory / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(octets)


def tone() -> bytes:
    """Return what says that one may speak."""
    turn = 2 * math.pi * TONE_HZ / RATE
    return bytes(TABLE[round(TONE_LEVEL * math.sin(turn * n)) % 65_536] for n in range(round(TONE_S * RATE)))
