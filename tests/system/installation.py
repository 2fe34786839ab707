"""A small installation as an operator makes it: two zones, a network in each, tokens, and `klaroen serve`."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple, Self

from klaroen.core.model import Instant, Role, Token
from klaroen.store import open_store
from klaroen.store.writer import transact

START_S = 30.0
STOP_S = 60.0
HEADER = "member_id,network_id,name,language,mobile,landline,email,whatsapp,preference,status,adult,house_rules"
CONFIGURATION = """
data_dir = "{directory}/data"
[edge]
listen = "127.0.0.1:0"
requests_per_s = 100000
[metrics]
edge = "127.0.0.1:0"
dispatch = "127.0.0.1:0"
voice = "127.0.0.1:0"
[dispatch]
drain_s = 0.2
"""
SIMULATED = """
[[carrier]]
name = "simulated"
kind = "sim"
channels = ["sms", "voice", "tts", "email"]
latency_ms = 600000
"""
"""Nothing is answered: what was sent stays open for as long as a test looks at it."""


class Answered(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def problem(self) -> str:
        return str(json.loads(self.body)["type"]).removeprefix("/problems/")


def zone(name: str) -> dict[str, Any]:
    return {"id": f"Z{name}", "name": f"Politiezone {name}", "dispatch_centres": [f"dispatch_centre {name}"]}


def network(name: str) -> dict[str, Any]:
    plan = [{"from": "00:00", "to": "24:00", "channels": ["sms", "tts", "email"]}]
    return {
        "id": f"BIN-{name}", "name": f"BIN {name}", "kind": "residents", "zone": f"Z{name}", "municipality": f"M{name}",
        "province": "Oost-Vlaanderen", "region": "Vlaanderen", "languages": ["nl"], "recognised_on": "2019-05-01",
        "area": {"streets": ["Kerkstraat"]}, "coordinators": [{"id": f"K{name}", "name": f"coordinator {name}"}],
        "officers": [{"id": f"O{name}", "name": "O"}], "mayor": "B", "members_at_signing": 2,
        "levels": {"urgent": 1, "non_urgent": 1}, "evaluation_months": 12,
        "plans": [{"version": 1, "valid_from": "2020-01-01", "urgent": plan, "non_urgent": plan}],
    }  # fmt: skip


MEMBERS = (
    "MA1,BIN-A,An,,0470000001,,an@example.be,,,active,true,true",
    "MA2,BIN-A,Bo,,0470000002,,bo@example.be,,,active,true,true",
    "MB1,BIN-B,Cis,,0470000003,,cis@example.be,,,active,true,true",
)


class Installation:
    """Enter it to start, leave it to stop."""

    def __init__(self, directory: Path, carriers: str = SIMULATED, members: Sequence[str] = MEMBERS) -> None:
        self.directory = directory
        self.config = directory / "klaroen.toml"
        self.config.write_text(CONFIGURATION.format(directory=directory) + carriers)
        self._members = members
        self._log = (directory / "serve.log").open("ab")
        self._serve: subprocess.Popen[bytes] | None = None
        self._connection: http.client.HTTPConnection | None = None

    def __enter__(self) -> Self:
        files = {
            "zones.jsonl": "".join(json.dumps(zone(name)) + "\n" for name in "AB"),
            "networks.jsonl": "".join(json.dumps(network(name)) + "\n" for name in "AB"),
            "members.csv": "\r\n".join((HEADER, *self._members, "")),
        }
        for name, content in files.items():
            (self.directory / name).write_text(content)
        self.command("register", "import", *(str(self.directory / name) for name in files))
        return self

    def __exit__(self, *_: object) -> None:
        if self._connection is not None:
            self._connection.close()
        if self._serve is not None and self._serve.poll() is None:
            self._serve.send_signal(signal.SIGTERM)
            try:
                self._serve.wait(STOP_S)
            finally:
                self._serve.kill()
                self._serve.wait()
        self._log.close()

    def command(self, *words: str) -> str:
        line = [sys.executable, "-m", "klaroen", "--config", str(self.config), *words]
        done = subprocess.run(line, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def token(self, name: str, role: Role, **scope: Any) -> str:
        """Make a token while nothing runs; return its secret. As `klaroen token create`, without its half a second."""
        secret = f"secret of {name}"
        token = Token(name, sha256(secret.encode()).digest(), role, created_at=Instant(0), **scope)
        store = open_store("sqlite", self.directory / "data")
        try:
            transact(store, lambda: store.put_token(token))
        finally:
            store.close_connections()
        return secret

    def serve(self, environ: Mapping[str, str] | None = None) -> None:
        line = [sys.executable, "-m", "klaroen", "--config", str(self.config), "serve"]
        self._serve = subprocess.Popen(line, stdout=self._log, stderr=self._log, env=os.environ | (environ or {}))
        until = time.monotonic() + START_S
        while not self._is_ready():
            assert self._serve.poll() is None, (self.directory / "serve.log").read_text()
            assert time.monotonic() < until, "not ready"
            time.sleep(0.05)

    def _is_ready(self) -> bool:
        try:
            return self.call("GET", "/readyz").status == 200
        except (OSError, KeyError, http.client.HTTPException):
            return False

    @property
    def ports(self) -> dict[str, int]:
        path = self.directory / "data" / "run" / "ports.json"
        return json.loads(path.read_text()) if path.exists() else {}

    def pid(self, role: str) -> int:
        return int((self.directory / "data" / "run" / f"{role}.pid").read_text().split()[0])

    def call(
        self,
        method: str,
        path: str,
        secret: str | None = None,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Answered:
        connection = self._connection
        if connection is None or connection.port != self.ports["edge"]:
            connection = self._connection = http.client.HTTPConnection("127.0.0.1", self.ports["edge"], timeout=30)
        sent = dict(headers or {})
        if secret is not None:
            sent["Authorization"] = f"Bearer {secret}"
        try:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            if path.endswith("/events") and answer.status == 200:
                connection.close()  # a stream goes on; that it began is all that is asked
                return Answered(answer.status, dict(answer.getheaders()), b"")
            return Answered(answer.status, dict(answer.getheaders()), answer.read())
        except (OSError, http.client.HTTPException):
            connection.close()
            raise
