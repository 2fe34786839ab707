"""What a caller did wrong, said as a value that names the field and the rule.

Law: what the world does is an outcome; what a caller did wrong is an `InputError`; what we did wrong is an assertion.
One table maps each kind of error to its HTTP status (RFC 9457 problems).
"""

from typing import Final, Literal

from msgspec import UNSET, Struct, UnsetType

ProblemName = Literal[
    "malformed",
    "idempotency-key-missing",
    "unauthenticated",
    "not-allowed",
    "not-found",
    "method-not-allowed",
    "state",
    "too-large",
    "unsupported-media-type",
    "invalid",
    "nobody",
    "key-reused",
    "too-many-requests",
    "internal-error",
    "unavailable",
]

PROBLEMS: Final[dict[ProblemName, tuple[int, str]]] = {
    "malformed": (400, "The request cannot be read"),
    "idempotency-key-missing": (400, "The Idempotency-Key header is required"),
    "unauthenticated": (401, "A valid token is required"),
    "not-allowed": (403, "This token may not do that"),
    "not-found": (404, "There is no such thing, or this token may not see it"),
    "method-not-allowed": (405, "This resource does not take that method"),
    "state": (409, "The alert's state does not allow that"),
    "too-large": (413, "The request is too large"),
    "unsupported-media-type": (415, "This kind of content is not taken here"),
    "invalid": (422, "A field breaks a rule"),
    "nobody": (422, "Nobody would be warned"),
    "key-reused": (422, "This Idempotency-Key was used for another request"),
    "too-many-requests": (429, "Too many requests"),
    "internal-error": (500, "Klaroen failed at this; the fault is its own"),
    "unavailable": (503, "Klaroen cannot take this now"),
}


class Saying(Struct, frozen=True):
    """A code of `core.phrases`, and what its words are about."""

    code: str
    about: dict[str, str] = {}


class Problem(Struct, frozen=True, omit_defaults=True):
    """RFC 9457 body, less `type`, `title` and `status`, which follow from `name`."""

    name: ProblemName
    detail: str
    at: str | UnsetType = UNSET
    """JSON path of the field at fault, such as `$.targets.zones[0]`."""
    rule: str | UnsetType = UNSET
    """The rule of the circular that it breaks, such as `R8`."""
    refused: list[dict[str, str | None]] | UnsetType = UNSET
    unreachable: dict[str, object] | UnsetType = UNSET
    retry_after_s: float | UnsetType = UNSET
    saying: tuple[Saying, ...] = ()
    """What `detail` says, for whoever says it in another language; empty where it has one only."""


class InputError(Exception):
    """A caller's fault; `problem` says what, where and by which rule."""

    def __init__(self, name: ProblemName, detail: str, *, at: str | None = None, rule: str | None = None) -> None:
        super().__init__(detail)
        self.problem = Problem(name, detail, at or UNSET, rule or UNSET)

    @classmethod
    def of(cls, problem: Problem) -> "InputError":
        error = cls(problem.name, problem.detail)
        error.problem = problem
        return error


class StoreUnavailableError(Exception):
    """The store cannot write now (full disk, read-only, failing fsync): nothing was accepted; try again later."""


class CarrierDownError(Exception):
    """Nothing of what was offered has been written: every envelope of that call is unsent."""


class UnspeakableError(Exception):
    """No voice can say this text: the words tell what each tried, and nothing of the text."""
