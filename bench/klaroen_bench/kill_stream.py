"""A steady stream of alerts over HTTP, as a dispatch system posts them: again, under the same key, until answered.

Law: one thread with a connection of its own. What was answered with 202 is written down; an alert whose answer went
missing is posted again, and now and then one that was answered is too: the same key must give the same alert.
"""

import http.client
import json
import threading
import time
from collections.abc import Mapping, Sequence
from random import Random
from types import TracebackType
from typing import Any, Final, Self

from klaroen_bench.poisson import Caller
from klaroen_bench.rig import Rig

FINAL: Final = frozenset({"done", "cancelled", "superseded", "expired"})
PAUSE_S: Final = 0.1
AGAIN_SHARE: Final = 0.1
GIVE_UP_S: Final = 300.0
"""Nothing is posted for so long: then it is no restart that is waited for, nor a dozen of them in a row, each struck
before it could serve [five seconds a start on a machine that has other things to do]."""
WORDS: Final = {"nl": "Let op", "fr": "Attention", "de": "Achtung"}


class StreamError(Exception):
    """An answer that no restart excuses."""


def order(number: int, network: str) -> dict[str, Any]:
    """Return an alert of its own words, short, so that calls are."""
    content = {language: {"text": f"{words} {number}."} for language, words in WORDS.items()}
    return {"class": "warm", "targets": {"networks": [network]}, "content": content, "reference": str(number)}


class Stream:
    """Enter it to start posting; `end` stops that, and waits until every alert is over."""

    def __init__(self, rig: Rig, networks: Sequence[str], seed: int, open_max: int, every_s: float) -> None:
        self.posted: dict[str, Mapping[str, Any]] = {}
        """By alert, what was posted."""
        self.last: dict[str, Mapping[str, Any]] = {}
        """By alert, the status that was last seen."""
        self.refused = 0
        """Answers that asked for patience, and connections that were lost."""
        self._rig = rig
        self._networks = networks
        self._chance = Random(seed)
        self._open_max = open_max
        self._every_s = every_s
        self._open: list[str] = []
        self._caller: tuple[int, Caller] | None = None
        self._posting = True
        self._stop = threading.Event()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="stream")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del kind, error, trace
        self._stop.set()
        self._thread.join()

    def check(self) -> None:
        """Raise what went wrong meanwhile."""
        if self._failure is not None:
            raise self._failure

    def end(self, patience_s: float) -> None:
        """Post nothing more and wait until all alerts are over. Raises StreamError if one does not end."""
        self._posting = False
        until = time.monotonic() + patience_s
        while self._open:
            self.check()
            if time.monotonic() > until:
                raise StreamError(f"alerts that do not end: {[self.last.get(alert) for alert in self._open[:3]]}")
            time.sleep(PAUSE_S)
        self.check()

    # --- the thread -------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            due_s = time.monotonic()
            while not self._stop.is_set():
                if self._posting and len(self._open) < self._open_max and time.monotonic() >= due_s:
                    due_s = time.monotonic() + self._every_s
                    self._post(len(self.posted) + 1)
                for alert in list(self._open[:2]):  # the eldest: they end first, nearly
                    self._look(alert)
                self._stop.wait(PAUSE_S)
        except Exception as failure:  # a thread has nobody else to tell: `check` raises it
            self._failure = failure

    def _post(self, number: int) -> None:
        body = order(number, self._chance.choice(self._networks))
        alert = self._insist(f"alert-{number}", body)
        if self._chance.random() < AGAIN_SHARE and self._insist(f"alert-{number}", body) != alert:
            raise StreamError(f"key alert-{number} gave two alerts")
        self.posted[alert] = body
        self._open.append(alert)

    def _insist(self, key: str, body: Mapping[str, Any]) -> str:
        encoded = json.dumps(body).encode()
        until = time.monotonic() + GIVE_UP_S
        while not self._stop.is_set():
            said = self._ask("POST", "/v1/alerts", encoded, key)
            if said is not None and said[0] == 202:
                return str(said[1]["id"])
            if said is not None and said[0] != 503:
                raise StreamError(f"{key}: {said}")
            if time.monotonic() > until:
                raise StreamError(f"{key}: nobody takes it")
            self.refused += 1
            self._stop.wait(PAUSE_S)
        raise StreamError(f"{key}: stopped before it was taken")

    def _look(self, alert: str) -> None:
        said = self._ask("GET", f"/v1/alerts/{alert}", None, None)
        if said is None or said[0] == 503:
            return
        if said[0] != 200:
            raise StreamError(f"alert {alert} was accepted, and now is not known: {said}")
        self.last[alert] = said[1]
        self._open.remove(alert)
        if said[1]["state"] not in FINAL:
            self._open.append(alert)

    def _ask(self, method: str, path: str, body: bytes | None, key: str | None) -> tuple[int, dict[str, Any]] | None:
        """Return status and answer, None where nobody answered."""
        try:
            port = self._rig.ports()["edge"]
            if self._caller is None or self._caller[0] != port:
                self._caller = (port, Caller(port, self._rig.tokens["police"]))
            caller = self._caller[1]
            return caller.post(path, body, key) if method == "POST" and body is not None else caller.get(path)
        except (OSError, http.client.HTTPException, KeyError):
            if self._caller is not None:
                self._caller[1].close()
                self._caller = None
            return None
