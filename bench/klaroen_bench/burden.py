"""A national alert that is always under way: what a small one has to live beside.

Law: the next is posted before the carriers have run out of the last; at the end all of them are cancelled.
"""

import json
import threading
from types import TracebackType
from typing import Any, Final, Self

from klaroen_bench.alerting import body
from klaroen_bench.poisson import Caller
from klaroen_bench.rig import Rig, RigError

LEFT_SHARE: Final = 0.1
"""The next is posted when so much of the last is pending: five seconds of a country at 2,000 segments a second."""
POLL_S: Final = 0.25
START_S: Final = 30.0


class Burden:
    """Keeps national alerts of one class under way while it is entered."""

    def __init__(self, rig: Rig, alert_class: str, token: str, name: str) -> None:
        self._rig = rig
        self._order = json.dumps(body({"all": True}, alert_class)).encode()
        self._token = token
        self._name = name
        self._alerts: list[str] = []
        self._stop = threading.Event()
        self._flowing = threading.Event()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run)

    @property
    def nationals(self) -> int:
        return len(self._alerts)

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._flowing.wait(START_S) or self._failure is not None:
            self._leave()
            raise RigError(f"no national alert is under way: {self._failure}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del kind, trace
        self._leave()
        if self._failure is not None and error is None:
            raise RigError(f"the national alerts ended early: {self._failure}")

    def _leave(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        caller = Caller(self._rig.ports()["edge"], self._rig.tokens[self._token])
        try:
            while not self._stop.is_set():
                self._alerts.append(self._post(caller))
                self._watch(caller, self._alerts[-1])
            for alert in self._alerts:
                caller.post(f"/v1/alerts/{alert}/cancel", b"{}")
        except Exception as failure:  # raised in the thread that measures, where somebody hears it
            self._failure = failure
        finally:
            self._flowing.set()
            caller.close()

    def _post(self, caller: Caller) -> str:
        code, answer = caller.post("/v1/alerts", self._order, f"{self._name}-{len(self._alerts)}")
        if code != 202:
            raise RigError(f"{code} {answer}")
        return str(answer["id"])

    def _watch(self, caller: Caller, alert: str) -> None:
        """Return when the alert is nearly all handed over, or nobody needs it any more."""
        while not self._stop.wait(POLL_S):
            code, status = caller.get(f"/v1/alerts/{alert}")
            if code != 200:
                raise RigError(f"{code} {status}")
            if status["first_handover_at"] is not None:
                self._flowing.set()
            if nearly_over(status):
                return


def nearly_over(status: dict[str, Any]) -> bool:
    return bool(status["pending"] <= LEFT_SHARE * (status["members"] - status["unreachable"]))
