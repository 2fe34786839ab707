"""The whole way by telephone: `klaroen serve`, a real Asterisk, and members who answer or do not.

Law: as operators do it, by configuration, command line and HTTP alone; what a member heard is what Asterisk recorded.
"""

import json
import math
import os
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from tests.wire.asterisk_peer import Asterisk as Peer
from tests.wire.asterisk_peer import asterisk, needs_asterisk

from klaroen.clips import RATE
from klaroen_adapters.speech.alaw import TABLE

pytestmark = [pytest.mark.peer, pytest.mark.slow, needs_asterisk]

WAIT_S = 60.0
TEXT = "Dringend bericht van de politie: verdachte witte bestelwagen in de Kerkstraat. Bel 101."
ANSWERS, BUSY = "32470000001", "32470000002"
MEMBERS = f"""
exten => {ANSWERS},1,Goto(peer,1001,1)
exten => {BUSY},1,Goto(peer,2901,1)
exten => 053000000,1,Goto(klaroen-central,s,1)
"""
OFFICER = """
[officer]
; knows the way: keys in number and PIN at once, speaks after the tone, hears it back, confirms
exten => s,1,Wait(1.5)
 same => n,SendDTMF(4711#)
 same => n,Wait(1)
 same => n,SendDTMF({pin}#)
 same => n,Wait(10)
 same => n,Playback({spoken})
 same => n,SendDTMF(#)
 same => n,Record({directory}/officer:alaw,0,10,kqx)
 same => n,SendDTMF(1)
 same => n,Wait(5)
[forgetful]
exten => s,1,Wait(1.5)
 same => n,SendDTMF(4711#)
 same => n,Wait(1)
 same => n,SendDTMF(000000#)
 same => n,Wait(2)
"""
ZONE = {"id": "Z1", "name": "Politiezone Aalst", "caller_id": "+3253210000", "call_number": "101"}
NETWORK = {
    "id": "BIN-0001",
    "name": "BIN Kerkstraat",
    "kind": "residents",
    "zone": "Z1",
    "municipality": "Aalst",
    "province": "Oost-Vlaanderen",
    "region": "Vlaanderen",
    "languages": ["nl"],
    "recognised_on": "2019-05-01",
    "area": {"streets": ["Kerkstraat"]},
    "coordinators": [{"id": "K1", "name": "C"}],
    "officers": [{"id": "4711", "name": "O"}],
    "mayor": "B",
    "members_at_signing": 20,
    "levels": {"urgent": 1, "non_urgent": 1},
    "plans": [
        {
            "version": 1,
            "valid_from": "2020-01-01",
            "urgent": [{"from": "00:00", "to": "24:00", "channels": ["voice", "tts"]}],
            "non_urgent": [{"from": "00:00", "to": "24:00", "channels": ["email"]}],
        }
    ],
    "evaluation_months": 12,
}
SPOKEN = bytes(TABLE[round(4_000 * math.sin(n / 3) * math.sin(n / 700)) % 65_536] for n in range(2 * RATE))
"""Two seconds that swell and fade, as speech does."""
CSV = """\
member_id,network_id,name,language,mobile,landline,email,whatsapp,preference,status,adult,house_rules
M1,BIN-0001,An,,+32470000001,,,,,active,true,true
M2,BIN-0001,Bo,,+32470000002,,,,,active,true,true
"""


class System:
    """A running `klaroen serve`, and how to ask it."""

    def __init__(self, directory: Path, peer: Peer) -> None:
        self.directory = directory
        self.peer = peer
        self.token = ""
        self._config = directory / "klaroen.toml"
        (directory / "password").write_text(peer.password)
        (directory / "password").chmod(0o600)
        self._config.write_text(
            f"""
data_dir = "{directory}/data"
[edge]
listen = "127.0.0.1:0"
[metrics]
edge = "127.0.0.1:0"
dispatch = "127.0.0.1:0"
voice = "127.0.0.1:0"
[[carrier]]
name = "pbx"
kind = "asterisk"
channels = ["voice", "tts"]
url = "{peer.url}"
user = "{peer.user}"
password_file = "{directory}/password"
endpoint = "PJSIP/{{digits}}@trunk"
calls_per_s = 10.0
central_language = "nl"
"""
        )

    @property
    def command(self) -> list[str]:
        return [str(Path(sys.executable).with_name("klaroen")), "--config", str(self._config), "--json"]

    def run(self, *words: str) -> Any:
        """Run one command, and return what it answers."""
        done = subprocess.run([*self.command, *words], capture_output=True, text=True, check=False, timeout=WAIT_S)
        assert done.returncode == 0, done.stderr + done.stdout
        return json.loads(done.stdout) if done.stdout else None

    async def ask(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
        return await trio.to_thread.run_sync(lambda: self._ask(method, path, body, headers))

    def _ask(self, method: str, path: str, body: object, headers: dict[str, str]) -> tuple[int, Any]:
        port = json.loads((self.directory / "data/run/ports.json").read_text())["edge"]
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", method=method)
        request.add_header("Authorization", f"Bearer {self.token}")
        for name, value in headers.items():
            request.add_header(name.replace("_", "-"), value)
        octets = None
        if body is not None:
            octets = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, octets, timeout=WAIT_S) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read() or b"null")

    async def until(self, holds: Callable[[], Any], words: str) -> Any:
        """Ask until it holds: these are other processes."""
        with trio.move_on_after(WAIT_S):
            while True:
                try:
                    found = await holds()
                except OSError:
                    found = None
                if found:
                    return found
                await trio.sleep(0.1)
        raise AssertionError(f"not within {WAIT_S} s: {words}\n{self.log()[-6000:]}")

    def log(self) -> str:
        return (self.directory / "serve.log").read_text()

    async def ready(self) -> bool:
        status, _ = await self.ask("GET", "/readyz")
        return status == 200

    async def calls_central(self, context: str, pin: str) -> None:
        """Somebody calls the central number, and does what that context of the dial plan says."""
        plan = {"context": context, "extension": "s", "priority": "1", "callerId": "+3253215555"}
        await self.peer.ask("POST", "channels", {"PIN": pin}, endpoint="PJSIP/053000000@trunk", **plan)

    async def wait_done(self, alert: str) -> Any:
        async def done() -> Any:
            _, body = await self.ask("GET", f"/v1/alerts/{alert}")
            return body if body["state"] in ("done", "expired") else None

        return await self.until(done, "the alert is over")


@asynccontextmanager
async def system(directory: Path) -> AsyncIterator[System]:
    """A register of two members, an Asterisk that knows their telephones, and everything running."""
    (directory / "zones.jsonl").write_text(json.dumps(ZONE) + "\n")
    (directory / "networks.jsonl").write_text(json.dumps(NETWORK) + "\n")
    (directory / "members.csv").write_text(CSV)
    (directory / "spoken.alaw").write_bytes(SPOKEN)
    shipped = (Path(__file__).parents[2] / "config/asterisk/extensions.conf").read_text()
    officer = OFFICER.format(pin="${PIN}", spoken=directory / "spoken", directory=directory)
    async with asterisk(MEMBERS + shipped + officer) as peer:
        one = System(directory, peer)
        one.run(
            "register", "import", *(str(directory / name) for name in ("zones.jsonl", "networks.jsonl", "members.csv"))
        )
        one.token = one.run("token", "create", "--name", "z1", "--role", "police", "--zone", "Z1")["token"]
        with (directory / "serve.log").open("wb") as log:
            process = await trio.lowlevel.open_process(
                [*one.command, "serve"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=dict(os.environ)
            )
        try:
            await one.until(one.ready, "ready")
            yield one
        finally:
            process.terminate()
            with trio.CancelScope(shield=True), trio.move_on_after(WAIT_S):
                await process.wait()


async def test_a_text_is_spoken_to_whoever_answers(tmp_path: Path) -> None:
    """One member answers and hears the clip octet for octet; another is busy, and is told to have failed."""
    async with system(tmp_path) as one:
        alert = {"class": "warm", "targets": {"networks": ["BIN-0001"]}, "content": {"nl": {"text": TEXT}}}
        status, accepted = await one.ask("POST", "/v1/alerts", alert | {"expires_in_s": 60}, Idempotency_Key="one")
        assert 202 == status, accepted
        done = await one.wait_done(accepted["id"])
        assert (1, 1) == (done["reached"], done["failed"] + done["expired"]), done
        _, page = await one.ask("GET", f"/v1/alerts/{accepted['id']}/deliveries")
        told = {item["member"]: item["attempts"] for item in page["items"]}
        heard = await one.peer.recording("1001")
        [clip] = [path for path in (tmp_path / "data/clips").glob("*.alaw") if path.read_bytes() in heard]
        assert len(clip.read_bytes()) > 3 * 8_000
        assert [("reached", "played 100 %")] == [(one["state"], one["code"]) for one in told["M1"]]
        assert {("refused", "address busy")} == {(one["state"], one["code"]) for one in told["M2"]}
    assert ANSWERS not in one.log()


async def test_R19_an_officer_speaks_and_members_hear_it(tmp_path: Path) -> None:
    """By keys and voice alone: identified, recorded, heard back, confirmed; and the next wrong PIN is logged."""
    async with system(tmp_path) as one:
        made = await trio.to_thread.run_sync(lambda: one.run("officer", "pin", "4711"))
        assert ("4711", 6) == (made["code"], len(made["pin"]))

        async def speaks() -> bool:
            return "central number can be called" in one.log()

        await one.until(speaks, "the prompts are spoken")
        await one.calls_central("officer", made["pin"])

        async def warned() -> Any:
            status, page = await one.ask("GET", "/v1/alerts")
            return page["items"] if status == 200 else []  # a busy machine may say 503: ask again

        [alert] = await one.until(warned, "the officer's alert")
        assert ("warm", 2, "central number") == (alert["class"], alert["members"], alert["reference"])
        done = await one.wait_done(alert["id"])
        assert 1 == done["reached"]
        heard = await one.peer.recording("1001")
        clips = {path.stem: path.read_bytes() for path in (tmp_path / "data/clips").glob("*.alaw")}
        assert [name for name, octets in clips.items() if octets in heard], "heard something else"
        assert [name for name, octets in clips.items() if SPOKEN in octets], "recorded something else"
        back = (tmp_path / "officer.alaw").read_bytes()
        assert SPOKEN in back, "the officer did not hear what was said"
        await one.calls_central("forgetful", made["pin"])
        await one.peer.wait_idle()
        (listed,) = (await trio.to_thread.run_sync(lambda: one.run("officer", "list")))["officers"]
        assert (1, None) == (listed["networks"], listed["locked_until"])
        assert not list((one.peer.directory / "spool").rglob("*.alaw")), "a recording was left behind"
    audit = [line["what"] for line in map(json.loads, one.log().splitlines()) if line.get("event") == "audit"]
    expected = ["central number: identified", "central number: members are warned"]
    assert [*expected, "central number: wrong PIN"] == audit
    assert made["pin"] not in one.log()
