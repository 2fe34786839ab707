"""Marked numbers, names, texts and secrets go through the real processes, faults included; then everything that an
operator, a scrape or a caller without a right to them gets to see is searched for the marks.
"""

import json
import os
import re
import resource
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.system.installation import Answered, Installation
from tests.system.test_serve import until

from klaroen_bench.processes import CarrierProcess, start_gateway, start_smsc

NUMBERS = ("32479135791", "32479246802", "32479357913")
PEOPLE = ("Zilverreiger", "zilverreiger@voorbeeld.be", "Roerdomp", "Purperreiger")
TEXTS = ("wespendief", "kwartelkoning", "0499135791")
"""The last one is a telephone number within a text."""
MEMBERS = (
    f"MA1,BIN-A,{PEOPLE[0]},,0{NUMBERS[0][2:]},,{PEOPLE[1]},,,active,true,true",
    f"MA2,BIN-A,{PEOPLE[2]},,0{NUMBERS[1][2:]},,,,,active,true,true",
    f"MB1,BIN-B,{PEOPLE[3]},,0{NUMBERS[2][2:]},,,,,active,true,true",
)
SECRETS = {name: f"merkteken{name}7Qx" for name in ("smsc", "gateway", "receipt", "trunk")}
CONDITIONS = ("--latency-ms=5", "--receipts-missing=0.2", "--refused=0.2", "--repeated=0.2", "--late=0", "--seed=7")


@pytest.fixture
def secrets(tmp_path: Path) -> dict[str, Path]:
    paths = {name: tmp_path / f"{name}.secret" for name in SECRETS}
    for name, path in paths.items():
        path.touch(mode=0o600)
        path.write_text(SECRETS[name])
    return paths


@pytest.fixture
def smsc(tmp_path: Path) -> Iterator[CarrierProcess]:
    with start_smsc(tmp_path / "smsc.ledger", "--name=smsc", *CONDITIONS) as process:
        yield process


@pytest.fixture
def gateway(tmp_path: Path, secrets: dict[str, Path]) -> Iterator[CarrierProcess]:
    files = (f"--token-file={secrets['gateway']}", f"--receipt-secret-file={secrets['receipt']}")
    with start_gateway(tmp_path / "gateway.ledger", "--name=gateway", *files, *CONDITIONS) as process:
        yield process


def carriers(secrets: dict[str, Path], smsc: CarrierProcess, gateway: CarrierProcess) -> str:
    return f"""
[steps.warm]
sms_s = 1.0
call_s = 2.0
ring_s = 1.0
[[carrier]]
name = "smsc"
kind = "smpp"
channels = ["sms"]
host = "127.0.0.1"
port = {smsc.port}
system_id = "klaroen"
password_file = "{secrets["smsc"]}"
binds = 1
[[carrier]]
name = "gateway"
kind = "sms_http"
channels = ["sms"]
url = "http://127.0.0.1:{gateway.port}/"
token_file = "{secrets["gateway"]}"
receipt_secret_file = "{secrets["receipt"]}"
[[carrier]]
name = "nobody"
kind = "sip"
channels = ["voice", "tts"]
host = "127.0.0.1"
port = 9
user = "klaroen"
probe = false
password_file = "{secrets["trunk"]}"
"""


class Seen:
    """Everything that was seen by somebody who may not see members, by where."""

    def __init__(self, tokens: tuple[str, ...]) -> None:
        self.by_place: dict[str, str] = {}
        self._marks = (*SECRETS.values(), *tokens, *PEOPLE, *TEXTS)

    def add(self, place: str, octets: bytes | str) -> None:
        words = octets.decode("utf-8", "replace") if isinstance(octets, bytes) else octets
        self.by_place[place] = self.by_place.get(place, "") + words

    def add_problem(self, place: str, answer: Answered) -> None:
        assert answer.status >= 400, (place, answer)
        self.add(f"problem: {place}", answer.body + json.dumps(dict(answer.headers)).encode())

    def leaks(self) -> list[tuple[str, str]]:
        """Return (place, mark): a number counts in whatever form it is written."""
        found = []
        for place, words in self.by_place.items():
            lowered = words.lower()
            found += [(place, mark) for mark in self._marks if mark.lower() in lowered]
            digits = re.sub(r"(?<=\d)[ ./-](?=\d)", "", words)
            found += [(place, number) for number in NUMBERS if number[2:] in digits]
        return found


def provoke(installation: Installation, police: str, operator: str, seen: Seen) -> None:
    """Ask for what must be refused, with marks for values wherever there is room for one; names of fields are told."""
    text, number = TEXTS[0], f"+{NUMBERS[0]}"
    whole = {"class": "warm", "targets": {"all": True}, "content": {"nl": {"text": text}}}
    spoiled: dict[str, object] = {
        "a channel": {**whole, "channels": [text]},
        "an unknown field": {**whole, "unheard_of": number},
        "a language": {**whole, "content": {"xx": {"text": number}}},
        "no targets": {**whole, "targets": {}},
        "a long text": {**whole, "content": {"nl": {"text": text * 400}}},
        "a class": {**whole, "class": number},
        "crisis": {**whole, "class": "crisis"},
        "no shape": [text, number],
    }
    json_of = {"content-type": "application/json"}
    for number_of, (place, body) in enumerate(spoiled.items()):
        headers = {**json_of, "idempotency-key": f"spoiled{number_of}"}
        seen.add_problem(place, installation.call("POST", "/v1/alerts", police, json.dumps(body).encode(), headers))
    bodies = (f'{{"{text}": {number}', f'{{"a": "{text}", "a": "{number}"}}', "\x00" + text)
    for number_of, body in enumerate(bodies):
        headers = {**json_of, "idempotency-key": f"broken{number_of}"}
        seen.add_problem(body[:5], installation.call("POST", "/v1/alerts", police, body.encode(), headers))
    cap = {"content-type": "application/cap+xml"}
    for body in (f"<{text}", f"<alert><{text}>{number}</{text}></alert>"):
        seen.add_problem("cap", installation.call("POST", "/v1/alerts", police, body.encode(), cap))
    for path in (f"/v1/alerts?zone={text}&class={text}", "/v1/networks?near=" + text, f"/v1/alerts/{text}/events"):
        seen.add_problem(path[:10], installation.call("GET", path, police))
    for secret in (f"{SECRETS['smsc']}", text):
        seen.add_problem("token", installation.call("GET", "/v1/alerts", secret))
    receipts = json.dumps([{"ref": text, "state": number, "at": text}]).encode()
    seen.add_problem("receipts", installation.call("POST", "/v1/receipts/gateway", None, receipts, json_of))
    seen.add_problem("recording", installation.call("POST", "/v1/recordings", police, text.encode()))
    seen.add_problem("R7", installation.call("GET", "/v1/alerts/A1/deliveries/MA1", operator))


def test_R07_no_mark_is_seen_where_it_does_not_belong(
    tmp_path: Path, secrets: dict[str, Path], smsc: CarrierProcess, gateway: CarrierProcess
) -> None:
    """Logs, metrics, problems, the audit trail, what an operator sees, command lines: through alerts, retries, a
    carrier that goes, a trunk that is not there, two kills and an orderly end."""
    with Installation(tmp_path, carriers(secrets, smsc, gateway), MEMBERS) as installation:
        police = installation.token("police", "police", zones=("*",))
        operator = installation.token("operator", "operator")
        seen = Seen((police, operator))
        installation.serve()
        alert = {"class": "warm", "targets": {"all": True}, "content": {"nl": {"text": " ".join(TEXTS)}}}
        sent = {"content-type": "application/json", "idempotency-key": "one"}
        told = installation.call("POST", "/v1/alerts", police, json.dumps(alert).encode(), sent)
        assert told.status == 202, told
        seen.add("accepted", told.body)
        path = f"/v1/alerts/{json.loads(told.body)['id']}"
        until(lambda: json.loads(installation.call("GET", path, operator).body)["pending"] < 3, "something has left")
        provoke(installation, police, operator, seen)
        smsc.kill()
        os.kill(installation.pid("dispatch"), signal.SIGKILL)
        until(lambda: installation.call("GET", "/v1/carriers", operator).status == 200, "dispatch is back")
        sent["idempotency-key"] = "two"
        assert installation.call("POST", "/v1/alerts", police, json.dumps(alert).encode(), sent).status == 202
        until(lambda: b"nobody" in installation.call("GET", "/v1/carriers", operator).body, "carriers are told")
        for shown in (path, f"{path}/networks", "/v1/alerts", "/v1/carriers", "/v1/networks", "/healthz", "/readyz"):
            seen.add(f"operator: {shown[:12]}", installation.call("GET", shown, operator).body)
        for name, port in installation.ports.items():
            if name.startswith("metrics"):
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as exposed:
                    seen.add(name, exposed.read())
        for role in ("edge", "dispatch", "voice"):
            seen.add("command lines", Path(f"/proc/{installation.pid(role)}/cmdline").read_bytes())
        seen.add("audit", installation.command("audit", "export"))
        seen.add("tokens", installation.command("token", "list", "--json"))
        os.kill(installation.pid("voice"), signal.SIGKILL)
    seen.add("log", (tmp_path / "serve.log").read_bytes())
    places = {"log", "metrics_edge", "metrics_dispatch", "metrics_voice", "audit", "problem: crisis", "command lines"}
    assert places <= seen.by_place.keys()
    assert all(seen.by_place.values())
    assert [] == seen.leaks()


def test_a_mark_that_is_there_is_found() -> None:
    """The search itself: in any case, and a number in any form."""
    seen = Seen(("a secret",))
    for words in ("WESPENDIEF", "0479 13 57 91", "+32479135791", "tel:0479/13.57.91", "a secret", "%2B32479135791"):
        seen.add(words, f"... {words} ...")
    assert len(seen.leaks()) == 6


CORE = """
import os, resource, signal, sys
resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY,) * 2)
if sys.argv[1] == "hidden":
    from klaroen.memory import dump_no_core
    dump_no_core()
    resource.setrlimit(resource.RLIMIT_CORE, resource.getrlimit(resource.RLIMIT_CORE))
os.kill(os.getpid(), signal.SIGABRT)
"""


@pytest.mark.parametrize(("how", "dumps"), [("hidden", False), ("open", True)])
def test_no_core_is_dumped(tmp_path: Path, how: str, dumps: bool) -> None:
    """Whatever kills a process: its memory holds texts, numbers and secrets. Beside it, one that does dump."""
    if dumps and resource.getrlimit(resource.RLIMIT_CORE)[1] == 0:
        return  # this machine dumps nobody
    process = subprocess.Popen([sys.executable, "-c", CORE, how], cwd=tmp_path)
    ended = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    process.wait()
    assert ended is not None
    assert (ended.si_code == os.CLD_DUMPED) == dumps
    assert bool(list(tmp_path.glob("core*"))) <= dumps


@pytest.mark.parametrize("command", ["edge", "dispatch", "voice"])
def test_every_process_hides_its_memory(command: str, tmp_path: Path) -> None:
    """Before it reads any secret: seen by what is at its end."""
    config = tmp_path / "klaroen.toml"
    config.write_text(f'data_dir = "{tmp_path}/data"\n[voice]\nworkers = 0\n')
    line = [sys.executable, "-m", "klaroen", "--config", str(config), command]
    told = subprocess.run([sys.executable, "-c", LOOK, *line], capture_output=True, text=True, check=False)
    assert (told.stdout, told.returncode) == ("0 0\n", 0), told.stderr


LOOK = """
import runpy, sys, resource, ctypes
sys.argv = sys.argv[3:]
try:
    runpy.run_module("klaroen", run_name="__main__")
except SystemExit as end:
    assert end.code == 78, end.code
print(resource.getrlimit(resource.RLIMIT_CORE)[1], ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))
"""
