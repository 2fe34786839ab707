"""The HTTP API from a shell: one request at a time, over the standard library.

Law: what may not have been taken is asked again with the same idempotency key, for a bounded time; what was answered
is never asked again.
"""

import http.client
import json
import random
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from klaroen.cli.context import USAGE, CommandFault

URL: Final = "http://127.0.0.1:8080"
REQUEST_S: Final = 30.0
"""An answer takes milliseconds; a busy database on the way to it, seconds."""
STREAM_S: Final = 45.0
"""Three of the edge's pings: a stream that is silent for so long is dead."""
PATIENCE_S: Final = 60.0
"""How long a request is repeated: dispatch restarts within two seconds, a machine within a minute."""
BACKOFF_S: Final = 0.25
BACKOFF_MAX_S: Final = 8.0
BODY_BYTES_MAX: Final = 64 * 1024 * 1024
"""A page of a thousand deliveries takes less than one."""
AGAIN: Final = frozenset({429, 503})

Reply = tuple[int, Mapping[str, str], bytes]


class StreamBrokenError(Exception):
    """A stream ended before its alert did: it may be resumed."""


class Remote:
    """The API at KLAROEN_URL, with the token KLAROEN_TOKEN."""

    def __init__(
        self, environ: Mapping[str, str], sleep: Callable[[float], None] = time.sleep, patience_s: float = PATIENCE_S
    ) -> None:
        self._url = _api_url(environ.get("KLAROEN_URL") or URL)
        token = environ.get("KLAROEN_TOKEN", "")
        if not token or not all("!" <= letter <= "~" for letter in token):
            raise CommandFault("KLAROEN_TOKEN holds no token: klaroen token create makes one.", code=USAGE)
        self._headers = {
            "Authorization": f"Bearer {token}",
            "Accept-Language": _language(environ),
            "User-Agent": "klaroen",
        }
        self.sleep, self._patience_s = sleep, patience_s

    def call(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Return the answer's JSON. Repeats while it may not have been taken; raises CommandFault on any other answer.

        Shape: only for calls that may be repeated; a POST has its idempotency key among `headers`.
        """
        pauses = self._pauses()
        while True:
            try:
                status, answered, content = self._once(method, path, body, headers or {})
            except (OSError, http.client.HTTPException) as error:
                why, after_s = f"{self._place()}: {error or type(error).__name__}", None
            else:
                if status not in AGAIN:
                    return _read(status, content)
                why, after_s = _problem_words(status, content), answered.get("retry-after")
            pause_s = next(pauses, None)
            if pause_s is None:
                raise CommandFault(f"Given up after {self._patience_s:.0f} s. {why}", details={"given_up": True})
            self.sleep(max(pause_s, _seconds(after_s)))

    def events(self, path: str, last_event: str | None) -> Iterator[tuple[str | None, dict[str, Any]]]:
        """Yield (id, status) of each event until the stream ends.

        Raises StreamBrokenError if it breaks off or there is none now, CommandFault on any other answer.
        """
        seen = {} if last_event is None else {"Last-Event-ID": last_event}
        line = self._connect(STREAM_S)
        try:
            line.request("GET", self._url.path + path, headers={**self._headers, **seen, "Accept": "text/event-stream"})
            answer = line.getresponse()
            if answer.status in AGAIN:
                raise StreamBrokenError(_problem_words(answer.status, answer.read(BODY_BYTES_MAX)))
            if answer.status == http.client.OK:
                yield from _events(answer)
            elif answer.status != http.client.NO_CONTENT:  # which says that the end was seen already
                _read(answer.status, answer.read(BODY_BYTES_MAX))
        except (OSError, http.client.HTTPException) as error:
            raise StreamBrokenError(f"{self._place()}: {error or type(error).__name__}") from None
        finally:
            line.close()

    def _once(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Reply:
        line = self._connect(REQUEST_S)
        try:
            line.request(method, self._url.path + path, body, {**self._headers, **headers})
            answer = line.getresponse()
            content = answer.read(BODY_BYTES_MAX)
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, content
        finally:
            line.close()

    def _connect(self, timeout_s: float) -> http.client.HTTPConnection:
        assert self._url.hostname is not None
        if self._url.scheme == "http":
            return http.client.HTTPConnection(self._url.hostname, self._url.port, timeout=timeout_s)
        trust = ssl.create_default_context()
        return http.client.HTTPSConnection(self._url.hostname, self._url.port, timeout=timeout_s, context=trust)

    def _place(self) -> str:
        return f"{self._url.scheme}://{self._url.netloc.rpartition('@')[2]}"

    def _pauses(self) -> Iterator[float]:
        """Doubling, with jitter, while their sum stays within the patience."""
        spent_s, pause_s = 0.0, BACKOFF_S
        while spent_s + pause_s <= self._patience_s:
            yield pause_s * random.uniform(0.8, 1.2)
            spent_s += pause_s
            pause_s = min(2 * pause_s, BACKOFF_MAX_S)


def _api_url(words: str) -> SplitResult:
    try:
        url = urlsplit(words)
        if url.scheme in ("http", "https") and url.hostname and url.port != 0:
            return url
    except ValueError:  # a port or an address that is none
        url = None
    raise CommandFault("KLAROEN_URL is not an http or https URL.", code=USAGE)


def _read(status: int, content: bytes) -> dict[str, Any]:
    if 200 <= status < 300:
        answer = _json(content)
        if answer is None:
            raise CommandFault("The answer is not JSON: is KLAROEN_URL that of a Klaroen?")
        return answer
    raise CommandFault(_problem_words(status, content), details={"status": status, "problem": _json(content)})


def _problem_words(status: int, content: bytes) -> str:
    problem = _json(content) or {}
    title = problem.get("title") or http.client.responses.get(status, "")
    parts = [f"{status} {title}.", str(problem.get("detail", ""))]
    if "at" in problem:
        parts.append(f"(at {problem['at']})")
    parts += [f"\n{one.get('network')}: {one.get('reason')}" for one in problem.get("refused") or ()]
    return " ".join(part for part in parts if part)


def _json(content: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _events(answer: http.client.HTTPResponse) -> Iterator[tuple[str | None, dict[str, Any]]]:
    """Read server-sent events: `id` and `data` lines up to an empty one; comments are pings."""
    seen: str | None = None
    data: list[str] = []
    while line := answer.readline(BODY_BYTES_MAX):
        field, _, value = line.decode().rstrip("\r\n").partition(":")
        value = value.removeprefix(" ")
        if field == "id":
            seen = value
        elif field == "data":
            data.append(value)
        elif not field and not value and data:
            status = _json("\n".join(data).encode())
            data = []
            if status is not None:
                yield seen, status


def _seconds(header: str | None) -> float:
    return min(float(header), BACKOFF_MAX_S) if header is not None and header.isdecimal() else 0.0


def _language(environ: Mapping[str, str]) -> str:
    """Return the API's language for this shell's locale."""
    locale = environ.get("LC_ALL") or environ.get("LC_MESSAGES") or environ.get("LANG") or ""
    return locale[:2] if locale[:2] in ("nl", "fr", "de") else "en"
