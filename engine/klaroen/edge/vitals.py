"""What the edge tells of itself: health, readiness, metrics, and the description of its own interface.

Law: none of it needs a token, since none of it says anything about an alert, a network or a person.
"""

from msgspec import Struct

from klaroen.core.errors import InputError
from klaroen.edge.desk import Desk, as_json
from klaroen.edge.exchange import Call, Reply
from klaroen.edge.problems import problem_kind
from klaroen.telemetry import CONTENT_TYPE, exposition


class HealthView(Struct, frozen=True):
    alive: bool


class ReadyView(Struct, frozen=True):
    ready: bool
    words: str


async def show_health(desk: Desk, call: Call) -> Reply:  # noqa: ARG001
    return Reply(200, as_json(HealthView(True)))


async def show_readiness(desk: Desk, call: Call) -> Reply:  # noqa: ARG001
    """Ready as dispatch says, while the connection over which it says so stands and the edge is not stopping."""
    readiness = desk.mirror.readiness
    if desk.draining or readiness.draining:
        raise InputError("unavailable", "stopping: no new alert is taken")
    if not readiness.ready:
        raise InputError("unavailable", readiness.words)
    return Reply(200, as_json(ReadyView(True, readiness.words)))


async def show_metrics(desk: Desk, call: Call) -> Reply:  # noqa: ARG001
    return Reply(200, exposition(desk.metrics.registry), CONTENT_TYPE.encode())


async def show_openapi(desk: Desk, call: Call) -> Reply:  # noqa: ARG001
    return Reply(200, desk.pages.openapi)


async def show_docs(desk: Desk, call: Call) -> Reply:  # noqa: ARG001
    return Reply(200, desk.pages.docs, b"text/html; charset=utf-8", ((b"content-security-policy", desk.pages.policy),))


async def show_problem(desk: Desk, call: Call) -> Reply:  # noqa: ARG001
    kind = problem_kind(call.parameters["name"])
    if kind is None:
        raise InputError("not-found", "there is no problem of this name")
    return Reply(200, as_json(kind))
