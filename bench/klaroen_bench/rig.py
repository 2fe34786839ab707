"""A whole system on this machine: a country, simulated carriers, `klaroen serve`, and a client of its HTTP API.

Law: everything is done as its user would, by the `klaroen` command and over HTTP; nothing here looks into the engine.
What is started here ends with it, however it ends.
"""

import http.client
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from msgspec import Struct

from klaroen_bench.country import CountryFacts, make_country
from klaroen_bench.processes import (
    CarrierProcess,
    cpu_s,
    peak_rss_mb,
    run_weighed,
    start_gateway,
    start_relay,
    start_smsc,
    start_trunk,
)
from klaroen_bench.rig_config import SECRETS, write_config
from klaroen_bench.rig_plan import Conditions, Plan, Relay, SmsCarrier, Trunk

__all__ = ["Conditions", "Plan", "Program", "Relay", "Rig", "RigError", "SmsCarrier", "Trunk", "percentile"]

PARENT: Final = "KLAROEN_SUPERVISOR"
"""In the environment of `klaroen serve`: the pid that it must not outlive."""
READY_S: Final = 30.0
"""The contract's: ready within 30 s of `serve`."""
VOICES: Final = b"voices are ready"
"""In the log of `klaroen serve`, seconds after its start: a system that warns people has long been warm."""
STOP_S: Final = 90.0
POLL_S: Final = 0.05
IDLE_S: Final = 10.0
"""A connection unused for longer may be closed by its peer at any moment: a request on it would be lost."""


class RigError(Exception):
    """The system did not start, or said no where it should not."""


class Program(Struct, frozen=True):
    """What is started as `klaroen serve`: a module, what its environment holds beside ours, its time to be ready."""

    module: str = "klaroen"
    environ: Mapping[str, str] = {}
    ready_s: float = READY_S


class Rig:
    """The running system. Enter it to start everything, leave it to stop everything."""

    def __init__(
        self,
        directory: Path,
        plan: Plan,
        tell: Callable[[str], None] | None = None,
        program: Program = Program(),  # noqa: B008 - frozen
    ) -> None:
        """`tell` hears what is made or started: country, carriers, register, serve."""
        self.directory = directory
        self.plan = plan
        self._program = program
        self._tell = tell or _nobody
        self.data_dir = directory / "data"
        self.carriers: dict[str, CarrierProcess] = {}
        self.facts: CountryFacts | None = None
        self.tokens: dict[str, str] = {}
        self.serve: subprocess.Popen[bytes] | None = None
        self.command_peak_mb = 0.0
        """The most that one of our commands has held: an import, where there was one."""
        self._stack = ExitStack()
        self._connections: dict[int, http.client.HTTPConnection] = {}
        self._asked_at = 0.0

    # --- starting ---------------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            self._tell("country")
            self.facts = make_country(self.country, self.plan.members, self.plan.networks, self.plan.seed)
            self._tell("carriers")
            for index, carrier in enumerate(self.plan.carriers):
                self._start_carrier(carrier, self.plan.seed + index)
            if self.plan.relay is not None:
                self._start_relay(self.plan.relay)
            if self.plan.trunk is not None:
                self._start_trunk(self.plan.trunk)
            self._write_config()
            self._tell("register")
            self.command(
                "register",
                "import",
                *(str(self.country / name) for name in ("zones.jsonl", "networks.jsonl", "members.csv")),
            )
            for name, role in (("police", "police"), ("operator", "operator")):
                self.tokens[name] = self.make_token(name, role)
            self._tell("serve")
            self.start_serve()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del kind, error, trace
        self.stop()

    @property
    def country(self) -> Path:
        return self.directory / "country"

    @property
    def config(self) -> Path:
        return self.directory / "klaroen.toml"

    def ledgers(self) -> list[Path]:
        """Return the raw ledgers of all carriers."""
        paths = [self.directory / f"{name}.ledger" for name in self.carriers]
        calls = self.directory / "simulated.ledger"
        return [*paths, calls] if calls.exists() else paths

    def _start_carrier(self, carrier: SmsCarrier, seed: int) -> None:
        ledger = self.directory / f"{carrier.name}.ledger"
        log = self.directory / f"{carrier.name}.log"
        arguments = ["--name", carrier.name, *self.plan.conditions.arguments(seed)]
        if carrier.kind == "smpp":
            process = start_smsc(ledger, *arguments, log=log)
        else:
            arguments += ["--token-file", str(self._secret("gateway.token"))]
            arguments += ["--receipt-secret-file", str(self._secret("gateway.secret"))]
            process = start_gateway(ledger, *arguments, log=log)
        self.carriers[carrier.name] = self._stack.enter_context(process)

    def _start_relay(self, relay: Relay) -> None:
        ledger, log = self.directory / f"{relay.name}.ledger", self.directory / f"{relay.name}.log"
        arguments = ["--name", relay.name, *self.plan.conditions.arguments(self.plan.seed)]
        self.carriers[relay.name] = self._stack.enter_context(start_relay(ledger, *arguments, log=log))

    def _start_trunk(self, trunk: Trunk) -> None:
        ledger, log = self.directory / f"{trunk.name}.ledger", self.directory / f"{trunk.name}.log"
        arguments = [*trunk.arguments(self.plan.seed), "--password-file", str(self._secret("trunk.password"))]
        self.carriers[trunk.name] = self._stack.enter_context(start_trunk(ledger, *arguments, log=log))

    def _secret(self, name: str) -> Path:
        path = self.directory / name
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(secrets.token_urlsafe(24))
        return path

    def _write_config(self) -> None:
        plan = self.plan
        self.config.write_text(
            write_config(
                plan,
                self.directory,
                {name: process.port for name, process in self.carriers.items()},
                {name: self._secret(name) for name in SECRETS},
            )
        )

    def make_token(self, name: str, role: str = "police") -> str:
        """Return the secret of a new token for every zone."""
        told = self.command("token", "create", "--name", name, "--role", role, "--zone", "*", "--json")
        return str(json.loads(told)["token"])

    def command(self, *words: str) -> str:
        """Run a `klaroen` command; return its output. Raises RigError."""
        done = run_weighed([sys.executable, "-m", "klaroen", "--config", str(self.config), *words])
        if done.code:
            raise RigError(f"klaroen {' '.join(words)}: exit {done.code}: {done.err[-2000:]}")
        self.command_peak_mb = max(self.command_peak_mb, done.peak_rss_mb)
        return done.out

    def start_serve(self) -> None:
        """Start `klaroen serve` and wait until it is ready. Raises RigError."""
        log = self._stack.enter_context((self.directory / "serve.log").open("ab"))
        self.serve = subprocess.Popen(
            [sys.executable, "-m", self._program.module, "--config", str(self.config), "serve"],
            stdout=log,
            stderr=log,
            env={**os.environ, **self._program.environ, PARENT: str(os.getpid())},
        )
        until = time.monotonic() + self._program.ready_s
        while not (self.is_ready() and self.is_warm()):
            if self.serve.poll() is not None or time.monotonic() > until:
                raise RigError(f"serve is not ready; see {self.directory / 'serve.log'}")
            time.sleep(POLL_S)

    def is_ready(self) -> bool:
        try:
            return self.get("/readyz", None)[0] == 200
        except (OSError, http.client.HTTPException, KeyError):
            return False

    def is_warm(self) -> bool:
        """Whether those who read texts aloud have started, where there are telephones to hear them."""
        return self.plan.trunk is None or VOICES in (self.directory / "serve.log").read_bytes()

    # --- stopping ---------------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """Stop the system in order, then its carriers."""
        if self.serve is not None and self.serve.poll() is None:
            self.serve.send_signal(signal.SIGTERM)
            try:
                self.serve.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self.serve.kill()
                self.serve.wait()
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()
        self._stack.close()

    # --- looking ----------------------------------------------------------------------------------------------------

    def ports(self) -> dict[str, int]:
        try:
            ports: dict[str, int] = json.loads((self.data_dir / "run" / "ports.json").read_text())
        except FileNotFoundError:
            return {}
        return ports

    def pid(self, role: str) -> int:
        """Return its pid, the first of several. Raises OSError, ValueError while it has none."""
        return int((self.data_dir / "run" / f"{role}.pid").read_text().partition("\n")[0])

    def cpu_s(self, role: str) -> float:
        return cpu_s(self.pid(role))

    def peak_rss_mb(self, role: str) -> float:
        return peak_rss_mb(self.pid(role))

    def kill(self, role: str) -> None:
        os.kill(self.pid(role), signal.SIGKILL)

    # --- HTTP -------------------------------------------------------------------------------------------------------

    def get(self, path: str, token: str | None = "police") -> tuple[int, Any]:  # noqa: S107 - a name
        return self.request("GET", path, token)

    def post(self, path: str, body: object = None, token: str = "police", key: str | None = None) -> tuple[int, Any]:  # noqa: S107
        headers = {"Idempotency-Key": key} if key else {}
        return self.request("POST", path, token, None if body is None else json.dumps(body).encode(), headers)

    def request(
        self,
        method: str,
        path: str,
        token: str | None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, Any]:
        """Return (status, body as JSON or text). Raises OSError, HTTPException, KeyError before the edge has a port."""
        port = self.ports()["edge"]
        sent = dict(headers or {})
        if token is not None:
            sent["Authorization"] = f"Bearer {self.tokens[token]}"
        if body is not None:
            sent["Content-Type"] = "application/json"
        connection = self._connections.get(port) or http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self._connections[port] = connection
        if time.monotonic() - self._asked_at > IDLE_S:
            connection.close()  # the next request opens it again
        self._asked_at = time.monotonic()
        try:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            raise
        try:
            return answer.status, json.loads(content) if content else None
        except ValueError:
            return answer.status, content.decode("utf-8", "replace")

    def deliveries(self, alert: str) -> Iterator[Mapping[str, Any]]:
        """Yield every delivery of an alert, page by page. Raises RigError."""
        after = ""
        while True:
            status, page = self.get(f"/v1/alerts/{alert}/deliveries?limit=1000{after}")
            if status != 200:
                raise RigError(f"deliveries: {status} {page}")
            yield from page["items"]
            if page["next"] is None:
                return
            after = f"&after={page['next']}"

    def flush_ledgers(self) -> None:
        for process in self.carriers.values():
            process.command({"do": "flush"})


def _nobody(words: str) -> None:
    """Nobody listens."""


def percentile(samples: Sequence[float], share: float) -> float | None:
    """Return the sample at this rank, or None from fewer than 500: no percentile is told from so few (contract)."""
    if len(samples) < 500:
        return None
    ordered = sorted(samples)
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 2)
