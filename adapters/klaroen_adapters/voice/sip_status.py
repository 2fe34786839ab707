"""What a call's unhappy end means, before the telephone rang and after: one table.

Law: a status that is not in the table is taken for the x00 of its class (RFC 3261, 8.1.3.2). A final answer is a
definite no; silence is not, and stays Unknown. Words are the same for every trunk: they become labels and codes.
"""

from typing import Final, Literal

from klaroen.core.ports import Outcome, Refused, Unknown, Unsent
from klaroen_adapters.voice.sip_terms import Lost, Rejected

Scope = Literal["address", "carrier", "trunk"]
"""What a refusal condemns: this number, this carrier for this call, or the trunk for the moment."""

BUSY: Final = "busy"
NO_ANSWER: Final = "no answer"
REJECTED: Final = "rejected"
INVALID: Final = "number invalid"

STATUSES: Final[dict[int, tuple[Scope, str]]] = {
    300: ("carrier", "300"),  # redirections are the trunk's business; we follow none
    400: ("carrier", "400"),
    401: ("carrier", "403"),  # credentials refused: as forbidden as forbidden
    403: ("carrier", "403"),
    404: ("address", INVALID),
    407: ("carrier", "403"),
    408: ("address", NO_ANSWER),
    410: ("address", INVALID),
    480: ("address", NO_ANSWER),
    484: ("address", INVALID),
    485: ("address", INVALID),
    486: ("address", BUSY),
    487: ("address", NO_ANSWER),
    488: ("carrier", "488"),
    491: ("trunk", "trunk 491"),
    500: ("trunk", "trunk 500"),
    501: ("carrier", "501"),
    502: ("trunk", "trunk 502"),
    503: ("trunk", "trunk 503"),
    504: ("trunk", "trunk 504"),
    505: ("carrier", "505"),
    513: ("carrier", "513"),
    580: ("carrier", "580"),
    600: ("address", BUSY),
    603: ("address", REJECTED),
    604: ("address", INVALID),
    606: ("carrier", "606"),
    607: ("address", REJECTED),
    608: ("address", REJECTED),
}
"""RFC 3261, 21; 607 and 608: RFC 8197 and RFC 8688."""

_CANCELLED: Final = 487
_NOT_RUNG: Final = Unsent("not rung in time")
_PLAIN: Final = {**dict.fromkeys((*range(32), *range(127, 256)), "?"), **dict.fromkeys(range(48, 58), "#")}
"""A reason phrase is told without its digits: they may be somebody's number."""
WORDS_MAX: Final = 60
RETRY_AFTER_MAX_S: Final = 3_600
"""A trunk that wants more rest than an hour is asked again all the same."""


def outcome(end: Rejected | Lost) -> Outcome:
    """Return what the end of a call that never rang means for its attempt.

    A call that we cancelled before it rang, and that the trunk says is gone, may be made elsewhere at once.
    """
    if isinstance(end, Lost):
        return Unknown(end.words)
    if end.cancelled and end.status == _CANCELLED:
        return _NOT_RUNG
    scope, code = meaning(end.status)
    if scope == "trunk":
        return Unsent(code, end.retry_after_s, throttled=end.status == 503 and end.retry_after_s is not None)
    return Refused(code, scope)


def words(end: Rejected | Lost) -> str:
    """Return how a call that rang ended without an answer, for a `Receipt("failed")`."""
    return NO_ANSWER if isinstance(end, Lost) else meaning(end.status)[1]


def meaning(status: int) -> tuple[Scope, str]:
    """Return what a final status condemns, and in which words."""
    return STATUSES.get(status) or STATUSES[status // 100 * 100]


def read_words(reason: str) -> str:
    """Return a reason phrase as it may be told."""
    return reason[:WORDS_MAX].translate(_PLAIN)


def read_retry_after(value: str) -> float | None:
    """Return the seconds of a Retry-After, None if it says nothing that can be waited for (RFC 3261, 20.33)."""
    digits = value.partition(";")[0].partition("(")[0].strip(" \t")
    if not digits.isascii() or not digits.isdigit():
        return None
    return float(RETRY_AFTER_MAX_S if len(digits) > 6 else min(int(digits), RETRY_AFTER_MAX_S))
