"""A follow-up (R18): a further message to people whom an earlier alert reached, or did not.

Law: it is an alert like any other, judged by its own class, register and hour; only its audience is chosen by what
became of the earlier one, as that stands when the follow-up is accepted.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from klaroen.core.account import HANDED, REACHED_STATE, STATES
from klaroen.core.intake import (
    LIFE_S_MAX,
    LIFE_S_MIN,
    AlertRequest,
    Recordings,
    Targets,
    Texts,
    Words,
    check_languages,
)
from klaroen.core.model import Alert, Channel
from klaroen.core.posted import read_json, shaped

To = Literal["handed_over", "reached", "unreached"]
CHOSEN: Final[Mapping[To, frozenset[int]]] = {
    "handed_over": frozenset({HANDED, REACHED_STATE}),
    "reached": frozenset({REACHED_STATE}),
    "unreached": frozenset(range(len(STATES))) - {REACHED_STATE},
}
"""States of the earlier alert's deliveries. `handed_over` holds those reached, and not those that failed since."""


class FollowUpRequest(
    Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, rename={"alert_class": "class"}
):
    to: To
    alert_class: Literal["cold", "warm"] = "cold"
    content: Texts = Texts()
    """A text in one language at least, unless there is a recording."""
    recording: Recordings = Recordings()
    channels: Annotated[tuple[Channel, ...], Meta(min_length=1, max_length=5)] | None = None
    expires_in_s: Annotated[int, Meta(ge=LIFE_S_MIN, le=LIFE_S_MAX)] | None = None
    reference: Words | None = None
    author: Words | None = None


def read_follow_up(body: bytes) -> FollowUpRequest:
    """Raises InputError as `read_alert` does."""
    request = shaped(read_json(body), FollowUpRequest)
    check_languages(request.content, request.recording)
    return request


def as_alert(request: FollowUpRequest, earlier: Alert) -> AlertRequest:
    """Return the alert that it is, to all networks of the earlier one, in its mode."""
    return AlertRequest(
        alert_class=request.alert_class,
        targets=Targets(networks=earlier.networks),
        content=request.content,
        recording=request.recording,
        mode=earlier.mode,
        expires_in_s=request.expires_in_s,
        channels=request.channels,
        reference=request.reference,
        author=request.author,
    )


def choose(to: To, members: Sequence[int], states: Iterable[int]) -> frozenset[int]:
    """Return the numbers of the members that the follow-up goes to, were they all active still."""
    wanted = CHOSEN[to]
    return frozenset(member for member, state in zip(members, states, strict=True) if state in wanted)
