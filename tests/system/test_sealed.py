"""No name, number or mail address of anybody stands in any file of the data directory, whatever has happened (R7)."""

import base64
import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.system.installation import Installation, network
from tests.system.test_serve import until

TELLING = ("470918273", "470918274", "499615243", "53918276", "498273645")
"""Nine digits of each mobile, eight of the landline: of members, a coordinator and an officer."""
MAILS = ("marked.an@example.be", "marked.bo@example.be", "marked.keeper@example.be", "marked.officer@example.be")
NAMES = ("Annemarkt", "Bomarkt", "Keepermarkt")
MEMBERS = (
    f"MA1,BIN-A,Annemarkt,,0{TELLING[0]},0{TELLING[3]},{MAILS[0]},,,active,true,true",
    f"MA2,BIN-A,Bomarkt,,+32{TELLING[1]},,{MAILS[1]},+32{TELLING[1]},,active,true,true",
    "MB1,BIN-B,Cis,,0470000003,,cis@example.be,,,active,true,true",
)
CARRIERS = """
[[carrier]]
name = "simulated"
kind = "sim"
channels = ["voice", "tts", "email"]
latency_ms = 5
[[carrier]]
name = "talkative"
kind = "sms_http"
channels = ["sms"]
url = "http://127.0.0.1:{port}/"
token_file = "{token}"
[steps.warm]
sms_s = 1.0
call_s = 2.0
"""


class Talkative(BaseHTTPRequestHandler):
    """A gateway that refuses everybody, and says whom."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        items = [
            {"ref": one["ref"], "id": None, "status": "refused", "code": f"no {one['number']}"} for one in body["to"]
        ]
        answer = json.dumps({"items": items}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def talkative_gateway() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Talkative)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def forms(text: str) -> Iterator[bytes]:
    """Yield the ways in which a file could hold it: as it is, spaced, in UTF-16, hexadecimal, base64, semi-octets."""
    yield text.encode()
    yield text.encode("utf-16-le")
    yield text.encode().hex().encode()
    for start in range(3):  # base64 of its middle, wherever it begins
        inner = base64.b64encode(b"\0" * start + text.encode())
        yield inner[4 : len(inner) // 4 * 4 - 4]
    if text.isdigit():
        yield " ".join((text[:3], text[3:5], text[5:7], text[7:])).encode()
        whole = f"32{text}F"[: (len(text) + 2) // 2 * 2]
        yield bytes.fromhex(whole)
        yield bytes(int(whole[i + 1] + whole[i], 16) for i in range(0, len(whole), 2))  # as in an SMS's own address


def found_in(directory: Path) -> list[str]:
    marks = [(text, form) for text in (*TELLING, *MAILS, *NAMES) for form in forms(text)]
    return [
        f"{text} in {path.relative_to(directory)}"
        for path in directory.rglob("*")
        if path.is_file()
        for content in [path.read_bytes().lower()]
        for text, form in marks
        if form.lower() in content
    ]


def is_taken(installation: Installation, secret: str, alert: object) -> bool:
    """Post an alert, again with the same key while dispatch is away."""
    headers = {"content-type": "application/json", "idempotency-key": "third"}
    return installation.call("POST", "/v1/alerts", secret, json.dumps(alert).encode(), headers).status == 202


def test_the_search_finds_what_it_looks_for(tmp_path: Path) -> None:
    for number, form in enumerate(forms(TELLING[0])):
        (tmp_path / "file").write_bytes(b"xy" + form + b"z")
        assert found_in(tmp_path), number
    (tmp_path / "file").write_bytes(base64.b64encode(b"To: marked.an@example.be, x"))
    assert [f"{MAILS[0]} in file"] == found_in(tmp_path)


def test_R07_no_file_of_the_data_directory_names_anybody(tmp_path: Path) -> None:
    """After imports, changes of a list, alerts that fail over between carriers of which one names whom it refuses,
    reports, an erasure, a new key and a kill: nothing in the store, its log, the journals or the process's own log."""
    token = tmp_path / "gateway.token"
    token.write_text("s3cret")
    token.chmod(0o600)
    with talkative_gateway() as port:
        installation = Installation(tmp_path, CARRIERS.format(port=port, token=token), MEMBERS)
        with installation:
            people = network("A")
            people["coordinators"] = [
                {"id": "KA", "name": "Keepermarkt", "phone": f"+32{TELLING[2]}", "email": MAILS[2], "member": "MA2"},
                {"id": "KC", "name": "C"},
            ]
            people["officers"] = [{"id": "OA", "name": "O", "phone": f"+32{TELLING[4]}", "email": MAILS[3]}]
            networks = tmp_path / "networks.jsonl"
            networks.write_text("".join(json.dumps(one) + "\n" for one in (people, network("B"))))
            files = [str(tmp_path / name) for name in ("zones.jsonl", "networks.jsonl", "members.csv")]
            installation.command("register", "import", *files)
            police = installation.token("police", "police", zones=("ZA",))
            installation.serve()

            def call(method: str, path: str, body: object = None, key: str = "k") -> dict[str, object]:
                headers = {"content-type": "application/json", "idempotency-key": key}
                answer = installation.call(
                    method, path, police, b"" if body is None else json.dumps(body).encode(), headers
                )
                assert answer.status in (200, 202), answer
                parsed: dict[str, object] = json.loads(answer.body)
                return parsed

            alert = {"class": "warm", "targets": {"networks": ["BIN-A"]}, "content": {"nl": {"text": "Let op."}}}
            first = call("POST", "/v1/alerts", alert)["id"]
            member = {"name": "Annemarkt", "adult": True, "mobile": f"0{TELLING[0]}", "email": MAILS[0]}
            call("PUT", "/v1/networks/BIN-A/members/MA1", member)
            listed = json.dumps(call("GET", "/v1/networks/BIN-A/members"))
            assert TELLING[0] in listed, "the police see it"
            deliveries = f"/v1/alerts/{first}/deliveries"
            until(lambda: "no ..." in json.dumps(call("GET", deliveries)), "the gateway's words")
            assert TELLING[1] not in json.dumps(call("GET", deliveries))
            assert [] == found_in(tmp_path / "data"), "while it runs"
            installation.command("member", "export", "MA2")
            installation.command("member", "erase", "MA1")
            call("POST", "/v1/alerts", alert, "second")
            installation.command("register", "rotate-key")
            os.kill(installation.pid("dispatch"), signal.SIGKILL)
            until(lambda: is_taken(installation, police, alert), "dispatch is back")
        assert [] == found_in(tmp_path / "data")
        assert not any(text in (tmp_path / "serve.log").read_text() for text in (*TELLING, *MAILS, *NAMES))
