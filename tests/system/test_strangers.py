"""Nothing that somebody sends us makes us call an address that the configuration did not name."""

import http.server
import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

from tests.system.installation import Installation
from tests.system.test_serve import until

from klaroen.core.model import CarrierName


class Listener(http.server.ThreadingHTTPServer):
    """Counts what comes, by path; sends everybody on to somewhere else, if it is given one."""

    def __init__(self, elsewhere: str | None = None) -> None:
        self.heard: Counter[str] = Counter()
        self.elsewhere = elsewhere
        super().__init__(("127.0.0.1", 0), Request)

    def get_request(self) -> Any:
        self.heard["connections"] += 1
        return super().get_request()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Request(http.server.BaseHTTPRequestHandler):
    server: Listener

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.heard[self.path] += 1
        self.send_response(HTTPStatus.TEMPORARY_REDIRECT)
        self.send_header("Location", f"{self.server.elsewhere}{self.path}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST  # noqa: N815 - named by the standard library

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nobody reads it."""


@contextmanager
def listening(elsewhere: str | None = None) -> Iterator[Listener]:
    with Listener(elsewhere) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def carriers(directory: Path, url: str) -> str:
    secret = directory / "secret"
    secret.touch(mode=0o600)
    secret.write_text("a secret")
    return f"""
[[carrier]]
name = "gateway"
kind = "sms_http"
channels = ["sms"]
url = "{url}/gateway"
token_file = "{secret}"
[[carrier]]
name = "texts"
kind = "twilio"
channels = ["sms"]
account = "AC1"
token_file = "{secret}"
url = "{url}"
public_url = "http://127.0.0.1:9"
"""


CAP = """<?xml version="1.0" encoding="UTF-8"?>{doctype}
<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"><identifier>{key}</identifier><sender>s@example.be</sender>
<sent>2099-01-01T00:00:00+01:00</sent><status>Actual</status><msgType>Alert</msgType><scope>Public</scope>
<info><language>nl</language><category>Safety</category><event>E</event><urgency>Immediate</urgency>
<severity>Severe</severity><certainty>Observed</certainty><description>{text}</description><web>{url}/web</web>
<resource><resourceDesc>r</resourceDesc><mimeType>audio/wav</mimeType><uri>{url}/resource</uri></resource>
<area><areaDesc>a</areaDesc><geocode><valueName>NIS5</valueName><value>44021</value></geocode></area></info></alert>"""


def test_no_request_goes_where_the_configuration_does_not_send_it(tmp_path: Path) -> None:
    """Carriers that redirect, addresses in CAP messages, texts, recordings, receipts and headers, and a proxy in the
    environment: nobody there ever hears of us."""
    with listening() as stranger, listening(stranger.url) as carrier:
        with Installation(tmp_path, carriers(tmp_path, carrier.url)) as installation:
            police = installation.token("police", "police", zones=("*",))
            gateway = installation.token("gateway", "carrier", carrier=CarrierName("gateway"))
            proxies = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
            installation.serve(dict.fromkeys(proxies, stranger.url))
            bait = stranger.url
            asked = {"host": bait.removeprefix("http://"), "x-forwarded-host": "evil", "forwarded": f"host={bait}"}
            sent = {"content-type": "application/json", "idempotency-key": "one", **asked}
            alert = {"class": "warm", "targets": {"all": True}, "content": {"nl": {"text": f"Zie {bait}/text"}}}
            told = installation.call("POST", "/v1/alerts", police, json.dumps(alert).encode(), sent)
            assert told.status == 202, told
            assert bait.encode() not in told.body + json.dumps(dict(told.headers)).encode()
            entity = f'<!DOCTYPE alert [<!ENTITY e SYSTEM "{bait}/entity">]>'
            for key, doctype, text in (("k1", "", "T"), ("k2", entity, "&e;"), ("k3", "", f"{bait}/description")):
                message = CAP.format(doctype=doctype, key=key, text=text, url=bait).encode()
                told = installation.call("POST", "/v1/alerts", police, message, {"content-type": "application/cap+xml"})
                assert told.status in (400, 422), told
            for body in (f"{bait}/a.wav", f"#EXTM3U\n{bait}/a.mp3\n", f"[playlist]\nFile1={bait}/b.ogg\n"):
                told = installation.call("POST", "/v1/recordings", police, body.encode())
                assert told.status in (415, 422), told
            receipts = [{"ref": f"{bait}/ref", "state": "delivered", "at": "2026-11-26T12:00:00Z"}]
            installation.call("POST", "/v1/receipts/gateway", gateway, json.dumps(receipts).encode(), sent)
            until(lambda: carrier.heard["/gateway"] > 0, "the gateway was asked")
            until(lambda: any(path.startswith("/2010") for path in carrier.heard), "the other one, too")
        assert stranger.heard == {}
