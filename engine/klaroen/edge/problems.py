"""What a caller did wrong, as a reply (RFC 9457): one shape, written in one place.

Law: the table in `core.errors` maps each name to its status and title; a fault of our own becomes a 500 that says
nothing about itself, and its log line says where, never with what.
"""

import math
from typing import Annotated, Final, get_args

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import replace

from klaroen.core.errors import PROBLEMS, Problem, ProblemName, Saying
from klaroen.core.phrases import say, word
from klaroen.core.rules import WordsLanguage
from klaroen.core.views import RefusedNetwork, UnreachableCount
from klaroen.edge.exchange import Headers, Reply

MEDIA: Final = b"application/problem+json"
TYPES: Final = "/problems/"
"""Problem types are relative references, resolved against the server that answered; it serves them too."""
RETRY_AFTER_S: Final = 1.0
"""Where nothing better is known: dispatch restarts within two seconds, and is reconnected within one."""


class ProblemView(Struct, frozen=True, omit_defaults=True):
    """A problem as RFC 9457 shapes it."""

    type: Annotated[str, Meta(pattern=r"^/problems/[a-z-]+$")]
    title: str
    status: Annotated[int, Meta(ge=400, le=599)]
    detail: str
    at: str | UnsetType = UNSET
    """Where the fault stands: a JSON path, a header or a query parameter."""
    rule: str | UnsetType = UNSET
    """The rule of the circular that it breaks, such as `R8`."""
    refused: list[RefusedNetwork] | UnsetType = UNSET
    unreachable: UnreachableCount | UnsetType = UNSET


class ProblemKind(Struct, frozen=True):
    """What a problem's `type` leads to."""

    type: str
    title: str
    status: int


def problem_reply(problem: Problem, headers: Headers = (), language: WordsLanguage = "en") -> Reply:
    """Return the reply that says this problem; 429 and 503 always say when to come back."""
    problem = translated(problem, language)
    status, _ = PROBLEMS[problem.name]
    retry = problem.retry_after_s
    if retry is UNSET and status in {429, 503}:
        retry = RETRY_AFTER_S
    if retry is not UNSET:
        headers = (*headers, (b"retry-after", str(max(1, math.ceil(retry))).encode()))
    if status == 401:
        headers = (*headers, (b"www-authenticate", b'Bearer realm="klaroen"'))
    view = ProblemView(
        TYPES + problem.name,
        word(f"title_{problem.name}", language),
        status,
        problem.detail,
        problem.at,
        problem.rule,
        UNSET if problem.refused is UNSET else msgspec.convert(problem.refused, list[RefusedNetwork]),
        UNSET if problem.unreachable is UNSET else msgspec.convert(problem.unreachable, UnreachableCount),
    )
    return Reply(status, msgspec.json.encode(view), MEDIA, headers)


def translated(problem: Problem, language: WordsLanguage) -> Problem:
    """Return the problem in the caller's language, as far as it is one that policy says (`core.phrases`)."""
    if language == "en":
        return problem
    if problem.saying:
        problem = replace(problem, detail=say(problem.saying, language))
    if problem.refused is not UNSET:
        problem = replace(problem, refused=[_said(one, language) for one in problem.refused])
    return problem


def _said(refused: dict[str, str | None], language: WordsLanguage) -> dict[str, str | None]:
    code = refused.get("code")
    return {**refused, "reason": say((Saying(code),), language)} if code else refused


def problem_kind(name: str) -> ProblemKind | None:
    """Return what the problem type of this name means."""
    for known in get_args(ProblemName):
        if known == name:
            status, title = PROBLEMS[known]
            return ProblemKind(TYPES + name, title, status)
    return None
