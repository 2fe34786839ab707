"""Requests at random instants, each timed from the instant at which it was meant to leave.

Law: no request waits for another's answer; where the system is slow, the requests that should have left meanwhile are
late by that much, and their times say so (no coordinated omission).
"""

import http.client
import json
import queue
import random
import threading
import time
from collections.abc import Sequence
from typing import Any, Final

from msgspec import Struct

from klaroen_bench.rig import IDLE_S

CONNECTIONS: Final = 16
"""At 200 a second and a p99 of 25 ms, five are busy; the others are for a stall."""
TIMEOUT_S: Final = 30.0


class Order(Struct, frozen=True):
    """An alert to be posted."""

    key: str
    body: bytes


class Shot(Struct, frozen=True):
    """A post, its instants in UTC seconds."""

    intended_at_s: float
    answered_at_s: float
    status: int
    answer: dict[str, Any]
    retry_after: str | None = None

    @property
    def accept_ms(self) -> float:
        return (self.answered_at_s - self.intended_at_s) * 1000


class Caller:
    """One client's connection to the API."""

    def __init__(self, port: int, token: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._asked_at = 0.0
        self.retry_after: str | None = None
        """Of the last answer."""

    def post(self, path: str, body: bytes, key: str | None = None) -> tuple[int, dict[str, Any]]:
        return self._call("POST", path, body, {} if key is None else {"Idempotency-Key": key})

    def get(self, path: str) -> tuple[int, dict[str, Any]]:
        return self._call("GET", path, None, {})

    def close(self) -> None:
        self._connection.close()

    def _call(self, method: str, path: str, body: bytes | None, more: dict[str, str]) -> tuple[int, dict[str, Any]]:
        if time.monotonic() - self._asked_at > IDLE_S:
            self._connection.close()  # the request opens it again
        self._asked_at = time.monotonic()
        self._connection.request(method, path, body, self._headers | more)
        answer = self._connection.getresponse()
        found: dict[str, Any] = json.loads(answer.read() or b"{}")
        self.retry_after = answer.headers["Retry-After"]
        return answer.status, found


def post_at_random(port: int, token: str, orders: Sequence[Order], per_s: float, seed: int) -> list[Shot]:
    """Post the orders as a Poisson process; return the shots in the order in which they were meant.

    Raises what the first connection to fail raised.
    """
    chance = random.Random(seed)
    waiting: queue.SimpleQueue[tuple[int, float, Order] | None] = queue.SimpleQueue()
    shots: list[Shot | None] = [None] * len(orders)
    failures: list[Exception] = []

    def work() -> None:
        caller = Caller(port, token)
        try:
            while (next_one := waiting.get()) is not None:
                index, intended_at_s, order = next_one
                status, answer = caller.post("/v1/alerts", order.body, order.key)
                shots[index] = Shot(intended_at_s, time.time(), status, answer, caller.retry_after)
        except (OSError, http.client.HTTPException, ValueError) as error:
            failures.append(error)
        finally:
            caller.close()

    workers = [threading.Thread(target=work) for _ in range(CONNECTIONS)]
    for worker in workers:
        worker.start()
    intended_at_s = time.time()
    for index, order in enumerate(orders):
        intended_at_s += chance.expovariate(per_s)
        time.sleep(max(0.0, intended_at_s - time.time()))
        waiting.put((index, intended_at_s, order))
    for _ in workers:
        waiting.put(None)
    for worker in workers:
        worker.join()
    if failures:
        raise failures[0]
    return [shot for shot in shots if shot is not None]
