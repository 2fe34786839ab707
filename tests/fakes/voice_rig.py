"""A real voice process, the driver that talks to it, and all that was told: for tests against real trunks."""

import contextlib
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import trio

from klaroen.clips import ClipStore
from klaroen.core.model import AttemptId, CarrierName, Content, Instant
from klaroen.core.ports import Answer, Call, Envelope, Event, Fault, Link, Outcome, Receipt, Script
from klaroen.settings import Sip
from klaroen.testing import TrioClock
from klaroen_adapters.voice.sip import SipCarrier

PATIENCE_S = 60.0
NAME = CarrierName("trunk")


class VoiceRig:
    """One carrier of kind sip over so many voice processes."""

    def __init__(
        self, directory: Path, port: int, *, host: str = "127.0.0.1", workers: int = 1, voice: str = "", **keys: object
    ) -> None:
        directory.mkdir(exist_ok=True)
        self.data_dir = directory / "data"
        self.clips = ClipStore(self.data_dir)
        self.clock = TrioClock()
        self.events: list[Event] = []
        self.processes: list[subprocess.Popen[bytes]] = []
        self._config = directory / "klaroen.toml"
        self._workers = workers
        self._called = 0
        self._heard = trio.Event()
        lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in {"lines": 100, **keys}.items())
        self._config.write_text(
            f'data_dir = "{self.data_dir}"\n[metrics]\nvoice = "127.0.0.1:0"\n[voice]\nworkers = {workers}\n'
            f'[[carrier]]\nname = "{NAME}"\nkind = "sip"\nchannels = ["voice"]\nhost = "{host}"\nport = {port}\n{lines}'
        )
        sockets = tuple(str(self.data_dir / f"run/voice-{worker}.sock") for worker in range(workers))
        self._settings = Sip(name=NAME, channels=("voice",), host=host, sockets=sockets, lines=100)
        self._stop = trio.CancelScope()
        self.carrier = SipCarrier(self._settings, self._emit, self.clock)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run both, from the first `Link(up=True)` on."""
        for worker in range(self._workers):
            self.start(worker)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._run_carrier)
                await self.wait(lambda: self.link is not None and self.link.up, "the trunk is up")
                yield
                nursery.cancel_scope.cancel()
        finally:
            for process in self.processes:
                process.kill()
                process.wait()

    def start(self, worker: int = 0) -> None:
        """Start a voice process, also in place of one that died."""
        line = [sys.executable, "-m", "klaroen", "voice", "--worker", str(worker), "--config", str(self._config)]
        self.processes.append(subprocess.Popen(line, env=dict(os.environ)))

    def restart_dispatch(self) -> None:
        """Forget everything, as a process does that is killed, and start again."""
        self._stop.cancel()
        self.events.clear()

    async def _run_carrier(self) -> None:
        while True:
            with trio.CancelScope() as self._stop:
                await self.carrier.run()
            self.events.clear()
            self.carrier = SipCarrier(self._settings, self._emit, self.clock)

    @property
    def link(self) -> Link | None:
        return next((event for event in reversed(self.events) if isinstance(event, Link)), None)

    async def call(self, number: str, script: Script, *, expire_s: float = 3600.0, answer_s: float = 10.0) -> AttemptId:
        """Hand over one call, and return its attempt."""
        self._called += 1
        attempt = AttemptId(f"A{self._called:07}")
        await self.repeat(attempt, number, script, expire_s=expire_s, answer_s=answer_s)
        return attempt

    async def repeat(
        self, attempt: AttemptId, number: str, script: Script, *, expire_s: float = 3600.0, answer_s: float = 10.0
    ) -> None:
        """Hand over an attempt, once more."""
        now = self.clock.now()
        content = Content("voice", "nl", "warm", "x", "0" * 64, Instant(now + round(expire_s * 1000)))
        envelope = Envelope(attempt, number, content, Instant(now + round(answer_s * 1000)), script=script)
        await self.carrier.hand_over([envelope])

    # --- what was told ---

    def outcomes(self, attempt: AttemptId) -> list[Outcome]:
        return [one.outcome for one in self.events if isinstance(one, Answer) and one.attempt == attempt]

    def receipts(self, attempt: AttemptId) -> list[tuple[str, str]]:
        return [(one.state, one.code) for one in self.events if isinstance(one, Receipt) and one.attempt == attempt]

    def phases(self, attempt: AttemptId) -> list[str]:
        return [one.phase for one in self.events if isinstance(one, Call) and one.attempt == attempt]

    def faults(self) -> list[str]:
        return [one.words for one in self.events if isinstance(one, Fault)]

    async def outcome(self, attempt: AttemptId) -> Outcome:
        await self.wait(lambda: bool(self.outcomes(attempt)), "an answer")
        return self.outcomes(attempt)[0]

    async def ended(self, attempt: AttemptId) -> Sequence[tuple[str, str]]:
        """Wait until the call has ended, and return its receipts."""
        await self.wait(lambda: "ended" in self.phases(attempt), "the end of a call")
        return self.receipts(attempt)

    def metrics(self) -> str:
        port = json.loads((self.data_dir / "run/ports.json").read_text())["metrics_voice"]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE_S) as answer:
            return str(answer.read().decode())

    async def wait(self, condition: Callable[[], bool], words: str) -> None:
        with trio.move_on_after(PATIENCE_S):
            while not condition():
                await self._heard.wait()
            return
        raise AssertionError(f"{words} did not come")

    async def _emit(self, events: Sequence[Event]) -> None:
        await trio.lowlevel.checkpoint()
        self.events += events
        self._heard.set()
        self._heard = trio.Event()
