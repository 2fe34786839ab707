"""The edge as one ASGI application: a request finds its route, its endpoint makes a reply, the reply is sent.

Law: every request gets exactly one reply; what a caller did wrong is a problem that says so, what we did wrong is a
500 that says nothing, and a log line that says where. Paths without parameters, and receipts, are found without a
search: they are the busy ones.
"""

import asyncio
import traceback
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from re import compile as pattern
from typing import Final

import structlog
from starlette.routing import Route as Path
from starlette.routing import Router
from starlette.types import Receive, Scope, Send

from klaroen.core.errors import InputError, Problem
from klaroen.edge.desk import Desk
from klaroen.edge.exchange import ALWAYS, Call, CallerGoneError, Reply, Stream, send_reply
from klaroen.edge.problems import problem_reply
from klaroen.edge.rights import RIGHTS, demand
from klaroen.edge.routes import ROUTES, Route
from klaroen.edge.tokens import authenticate

RECEIPTS: Final = "/v1/receipts/"
NOT_FOUND: Final = Problem("not-found", "nothing is served at this path")
FAILED: Final = Problem("internal-error", "it has been logged; nothing that was posted stands in the log")

log = structlog.get_logger(__name__)


class Edge:
    """The application."""

    def __init__(self, desk: Desk, routes: Sequence[Route] = ROUTES) -> None:
        by_path: dict[str, list[Route]] = defaultdict(list)
        for route in routes:
            by_path[route.path].append(route)
        resources = {path: Resource(desk, path, rows) for path, rows in by_path.items()}
        self._static: Mapping[str, Resource] = {path: one for path, one in resources.items() if "{" not in path}
        self._receipts = resources[RECEIPTS + "{carrier}"]
        self._router = Router(
            [Path(path, one) for path, one in resources.items() if "{" in path],
            redirect_slashes=False,
            default=Resource(desk, None, ()),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http", "the server is told to speak no other"
        path: str = scope["path"]
        static = self._static.get(path)
        if static is not None:
            await static(scope, receive, send)
        elif path.startswith(RECEIPTS):
            scope["path_params"] = {"carrier": path[len(RECEIPTS) :]}
            await self._receipts(scope, receive, send)
        else:
            await self._router(scope, receive, send)


class Resource:
    """What is served at one path, by method; without a path: what is served nowhere."""

    def __init__(self, desk: Desk, path: str | None, routes: Iterable[Route]) -> None:
        self._desk, self._path = desk, path
        self._by_method = {route.method: route for route in routes}
        missing = [
            f"{method} {route.path}" for method, route in self._by_method.items() if (method, route.path) not in RIGHTS
        ]
        assert not missing, f"edge/rights.py does not say who may call {missing}"
        self._rights = {method: RIGHTS[method, route.path] for method, route in self._by_method.items()}
        self._patterns = {
            name: pattern(words) for route in self._by_method.values() for name, words in route.parameters.items()
        }
        get = self._by_method.get("GET")
        methods = [*self._by_method, *(["HEAD"] if get is not None and get.headed else [])]
        self._allow = ", ".join(methods).encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        call = Call(scope, receive, self._desk.bodies)
        try:
            reply = await self._reply(call)
            if isinstance(reply, Stream):
                await send_stream(reply, call, send)
            else:
                await send_reply(reply, send)
            self._desk.metrics.answered(self._path, reply.status)
        except CallerGoneError:
            return  # there is nobody to answer, and nothing was asked of dispatch yet
        finally:
            call.close()

    async def _reply(self, call: Call) -> Reply | Stream:
        try:
            if self._path is None:
                return problem_reply(NOT_FOUND)
            if any(not words.fullmatch(call.parameters[name]) for name, words in self._patterns.items()):
                return problem_reply(NOT_FOUND)
            route = self._route(call.method)
            if route is None:
                problem = Problem("method-not-allowed", f"this path takes {self._allow.decode()}")
                return problem_reply(problem, ((b"allow", self._allow),))
            if route.secured:
                call.token = authenticate(call, self._desk.mirror.tokens, self._desk.now())
                if route.paced:
                    self._desk.rates.take(call.token.name)
                demand(self._rights[route.method], call.token)
            return await route.endpoint(self._desk, call)
        except InputError as error:
            return problem_reply(error.problem, language=call.language)
        except CallerGoneError:
            raise
        except Exception as error:  # whatever we did wrong, the caller gets an answer
            log.error(  # noqa: TRY400 - an exception's words and frames may hold what was posted
                "an endpoint failed", route=self._path, error=type(error).__name__, where=where(error)
            )
            return problem_reply(FAILED)

    def _route(self, method: str) -> Route | None:
        if method == "HEAD":
            get = self._by_method.get("GET")
            return get if get is not None and get.headed else None
        return self._by_method.get(method)  # type: ignore[call-overload,no-any-return]


def where(error: BaseException) -> list[str]:
    """Return the places that the exception passed, innermost last, and nothing that stood in any variable."""
    return [f"{frame.name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)[-5:]]


async def send_stream(stream: Stream, call: Call, send: Send) -> None:
    """Send chunks as they come, until they end or the caller goes."""
    headers = [*ALWAYS, *stream.headers, (b"content-type", stream.media)]
    await send({"type": "http.response.start", "status": stream.status, "headers": headers})
    async with asyncio.TaskGroup() as group:
        gone = group.create_task(call.gone())
        pump = group.create_task(_pump(stream, send))
        await asyncio.wait({gone, pump}, return_when=asyncio.FIRST_COMPLETED)
        gone.cancel()
        pump.cancel()


async def _pump(stream: Stream, send: Send) -> None:
    async for chunk in stream.chunks:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
