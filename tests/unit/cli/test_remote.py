"""The HTTP API from a shell: what is repeated, what is not, and how a stream is resumed."""

import http.client
import json
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest

from klaroen.cli import following
from klaroen.cli.context import USAGE, CommandFault
from klaroen.cli.following import follow_alert
from klaroen.cli.remote import Remote

Answer = tuple[int, Mapping[str, str], bytes]
PROBLEM = {"title": "Nobody would be warned", "detail": "All are refused.", "at": "$.targets",
           "refused": [{"network": "B1", "rule": "R8", "reason": "Not yours."}]}  # fmt: skip


class Api:
    """A server that gives the scripted answers, one a connection, and keeps what it was asked."""

    def __init__(self) -> None:
        self.answers: list[Answer | None] = []
        self.asked: list[tuple[str, str, Mapping[str, str], bytes]] = []
        api = self

        class Door(BaseHTTPRequestHandler):
            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                api.asked.append((self.command, self.path, dict(self.headers.items()), body))
                answer = api.answers.pop(0)
                if answer is None:
                    return  # the connection ends without a word
                status, headers, content = answer
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = answer  # noqa: N815 - the library's names

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = HTTPServer(("127.0.0.1", 0), Door)
        self.thread = Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def remote(self, **environ: str) -> tuple[Remote, list[float]]:
        slept: list[float] = []
        url = f"http://127.0.0.1:{self.server.server_port}"
        return Remote({"KLAROEN_URL": url, "KLAROEN_TOKEN": "geheim", **environ}, slept.append), slept


@pytest.fixture
def api() -> Iterator[Api]:
    api = Api()
    yield api
    api.server.shutdown()
    api.thread.join()
    api.server.server_close()


def ok(value: object) -> Answer:
    return 200, {}, json.dumps(value).encode()


def stream(*events: tuple[int, object]) -> Answer:
    lines = [f"id: {number}\nevent: change\ndata: {json.dumps(status)}\n\n" for number, status in events]
    return (
        200,
        {"Content-Type": "text/event-stream"},
        ("\n: ping\n\ndata: torn\n\n" + "".join(lines) + "data: cut o").encode(),
    )


def test_what_was_not_taken_is_sent_again_with_the_same_key(api: Api) -> None:
    """503, 429, and a connection that ends without a word: back-off between, Retry-After obeyed."""
    api.answers = [(503, {"Retry-After": "2"}, b""), None, (429, {"Retry-After": "soon"}, b"x"), ok({"id": "a"})]
    remote, slept = api.remote()
    assert remote.call("POST", "/v1/alerts", b"{}", {"Idempotency-Key": "k"}) == {"id": "a"}
    assert [(one[0], one[2]["Idempotency-Key"], one[3]) for one in api.asked] == [("POST", "k", b"{}")] * 4
    assert slept[0] == 2.0
    assert 0.4 <= slept[1] <= 0.6
    assert 0.8 <= slept[2] <= 1.2


def test_the_token_and_the_shells_language_go_along(api: Api) -> None:
    """Texts follow Accept-Language."""
    for environ, language in [({"LANG": "fr_BE.UTF-8"}, "fr"), ({"LC_ALL": "C", "LANG": "nl_BE"}, "en"), ({}, "en")]:
        api.answers = [ok({})]
        api.remote(**environ)[0].call("GET", "/")
        headers = api.asked[-1][2]
        assert (headers["Authorization"], headers["Accept-Language"]) == ("Bearer geheim", language)


def test_a_refusal_is_final_and_told_in_words(api: Api) -> None:
    """With the field at fault and each network that was refused."""
    api.answers = [(422, {}, json.dumps(PROBLEM).encode())]
    remote, slept = api.remote()
    with pytest.raises(CommandFault) as caught:
        remote.call("POST", "/v1/alerts", b"{}")
    assert str(caught.value) == "422 Nobody would be warned. All are refused. (at $.targets) \nB1: Not yours."
    assert caught.value.details == {"status": 422, "problem": PROBLEM}
    assert slept == []


@pytest.mark.parametrize("content", [b"<html>", b"[]", b"[" * 100_000, b"\xff"])
def test_an_answer_that_is_no_object_is_told(api: Api, content: bytes) -> None:
    """Something else listens there."""
    api.answers = [(200, {}, content)]
    with pytest.raises(CommandFault, match="is KLAROEN_URL that of a Klaroen"):
        api.remote()[0].call("GET", "/")


def test_patience_ends(api: Api) -> None:
    """Some minutes of a shell's life, not for ever; and the words say why."""
    api.answers = [(503, {}, json.dumps({"title": "Klaroen cannot take this now"}).encode())] * 100
    remote, slept = api.remote()
    with pytest.raises(CommandFault, match=r"Given up after 60 s. 503 Klaroen cannot take this now") as caught:
        remote.call("GET", "/")
    assert caught.value.details == {"given_up": True}
    assert sum(slept) <= 60 * 1.2


def test_nobody_listens(api: Api) -> None:
    """Told with the place, without the credentials that somebody put into the URL."""
    api.server.server_close()
    remote = Remote({"KLAROEN_URL": "http://u:geheim@127.0.0.1:9", "KLAROEN_TOKEN": "t"}, lambda _: None, 0.3)
    with pytest.raises(CommandFault, match=r"http://127.0.0.1:9: .*refused") as caught:
        remote.call("GET", "/")
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"KLAROEN_TOKEN": ""},
        {"KLAROEN_TOKEN": "t\n"},
        {"KLAROEN_TOKEN": "é"},
        *({"KLAROEN_TOKEN": "t", "KLAROEN_URL": url} for url in ("ftp://x", "http://", "http://[", "http://x:y")),
    ],
)
def test_an_environment_that_names_no_api_is_wrong_usage(environ: Mapping[str, str]) -> None:
    """Before anything is sent."""
    with pytest.raises(CommandFault) as caught:
        Remote(environ)
    assert caught.value.code == USAGE


def test_https_is_checked_against_the_systems_authorities() -> None:
    """SSL_CERT_FILE names others, as for every program."""
    line = Remote({"KLAROEN_URL": "https://example.test:1", "KLAROEN_TOKEN": "t"})._connect(1.0)
    assert isinstance(line, http.client.HTTPSConnection)
    line.close()


# --- streams --------------------------------------------------------------------------------------------------------


def status(state: str, reached: int = 0) -> dict[str, Any]:
    return {"state": state, "reached": reached}


def test_an_alert_is_followed_to_its_end(api: Api) -> None:
    """The stream breaks off, is refused for a while, and is resumed after the last event seen."""
    api.answers = [
        ok(status("accepted")),
        stream((1, status("sending", 1)), (2, status("sending", 2))),
        ok(status("sending", 2)),
        (503, {}, b""),
        None,
        stream((3, status("done", 3))),
        ok(status("done", 4)),
    ]
    remote, slept = api.remote()
    told: list[Mapping[str, Any]] = []
    assert follow_alert(remote, "/v1/alerts/a", told.append) == status("done", 4)
    assert told == [status("sending", 1), status("sending", 2), status("done", 3)]
    streams = [asked for asked in api.asked if asked[1] == "/v1/alerts/a/events"]
    assert [asked[2].get("Last-Event-ID") for asked in streams] == [None, "2", "2", "2"]
    assert slept == [0.5, 1.0]


def test_an_end_that_was_seen_is_not_streamed_again(api: Api) -> None:
    """204: there is nothing more to say."""
    api.answers = [ok(status("sending")), (204, {}, b""), ok(status("done"))]
    assert follow_alert(api.remote()[0], "/a", lambda _: None) == status("done")


def test_a_closed_alert_is_shown_as_it_is(api: Api) -> None:
    """Without a stream."""
    api.answers = [ok(status("cancelled"))]
    assert follow_alert(api.remote()[0], "/a", lambda _: None) == status("cancelled")


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ([ok(status("sending")), (404, {}, b"")], "404 Not Found."),
        ([ok(status("sending")), *[None] * 4], "The stream broke off, and does not come back."),
    ],
)
def test_a_stream_that_cannot_be_had_is_told(
    api: Api, monkeypatch: pytest.MonkeyPatch, answers: list[Answer | None], words: str
) -> None:
    """It is not tried for ever."""
    monkeypatch.setattr(following, "RECONNECTS_MAX", 3)
    api.answers = answers
    with pytest.raises(CommandFault) as caught:
        follow_alert(api.remote()[0], "/a", lambda _: None)
    assert str(caught.value).startswith(words)
