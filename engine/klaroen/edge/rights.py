"""Who may call what: a row for each route, from which the edge refuses and the tests ask (role by call by scope).

Law: a route without a row is not served. The role is asked here, before a body is read; which alert or network a token
may see or touch is dispatch's to say, since it holds the register. Dispatch asks the role again, whatever stands here.
"""

from collections.abc import Mapping
from typing import Final, Literal

from msgspec import Struct

from klaroen.core import policy
from klaroen.core.errors import InputError
from klaroen.core.model import CLASSES, Token
from klaroen.core.policy import Action

Beyond = Literal["not-found", "nobody", "nothing", "same"]
"""What a call about something outside the token's scope gets: it does not exist, there is nobody to warn, there is
nothing to list; or the same as inside, where there is no scope to be outside of."""


class Right(Struct, frozen=True):
    """A call that needs a token."""

    action: Action | None
    """What its role must be allowed; None where it must send some class, and dispatch says which (R8, R10)."""
    beyond: Beyond


class Open(Struct, frozen=True):
    """A call that needs no token: the carrier's signature stands for it, or there is nothing to hide."""

    by: Literal["signature", "nobody's secret"]


SIGNED: Final = Open("signature")
PUBLIC: Final = Open("nobody's secret")

RIGHTS: Final[Mapping[tuple[str, str], Right | Open]] = {
    ("POST", "/v1/alerts"): Right(None, "nobody"),
    ("GET", "/v1/alerts"): Right("see_counts", "nothing"),
    ("GET", "/v1/alerts/{id}"): Right("see_counts", "not-found"),
    ("GET", "/v1/alerts/{id}/networks"): Right("see_counts", "not-found"),
    ("GET", "/v1/alerts/{id}/deliveries"): Right("see_deliveries", "not-found"),
    ("GET", "/v1/alerts/{id}/deliveries/{member}"): Right("see_deliveries", "not-found"),
    ("GET", "/v1/alerts/{id}/replies"): Right("see_replies", "not-found"),
    ("GET", "/v1/alerts/{id}/events"): Right("see_counts", "not-found"),
    ("POST", "/v1/alerts/{id}/follow-ups"): Right(None, "not-found"),
    ("POST", "/v1/forecasts"): Right(None, "nobody"),
    ("POST", "/v1/alerts/{id}/pause"): Right("pause", "not-found"),
    ("POST", "/v1/alerts/{id}/resume"): Right("resume", "not-found"),
    ("POST", "/v1/alerts/{id}/cancel"): Right("cancel", "not-found"),
    ("GET", "/v1/alerts/{id}/content"): Right("see_content", "not-found"),
    ("POST", "/v1/alerts/{id}/consent"): Right("consent", "not-found"),
    ("POST", "/v1/alerts/{id}/approve"): Right("approve", "not-found"),
    ("POST", "/v1/alerts/{id}/refuse"): Right("refuse", "not-found"),
    ("POST", "/v1/recordings"): Right("put_recordings", "same"),
    ("GET", "/v1/networks"): Right("see_networks", "nothing"),
    ("GET", "/v1/networks/{id}"): Right("see_networks", "not-found"),
    ("GET", "/v1/networks/{id}/evaluation"): Right("see_evaluation", "not-found"),
    ("GET", "/v1/networks/{id}/members"): Right("keep_list", "not-found"),
    ("GET", "/v1/networks/{id}/members/check"): Right("keep_list", "not-found"),
    ("PUT", "/v1/networks/{id}/members/{member}"): Right("keep_list", "not-found"),
    ("DELETE", "/v1/networks/{id}/members/{member}"): Right("keep_list", "not-found"),
    ("GET", "/v1/networks/{id}/quiet"): Right("lift_quiet", "not-found"),
    ("DELETE", "/v1/networks/{id}/quiet/{member}"): Right("lift_quiet", "not-found"),
    ("GET", "/v1/networks/{id}/grants"): Right("see_grants", "not-found"),
    ("PUT", "/v1/networks/{id}/grants/{coordinator}"): Right("grant", "not-found"),
    ("DELETE", "/v1/networks/{id}/grants/{coordinator}"): Right("grant", "not-found"),
    ("POST", "/v1/networks/{id}/stop"): Right("stop_network", "not-found"),
    ("POST", "/v1/networks/{id}/resume"): Right("stop_network", "not-found"),
    ("GET", "/v1/carriers"): Right("see_carriers", "same"),
    ("POST", "/v1/carriers/{name}/avoid"): Right("switch_carriers", "same"),
    ("POST", "/v1/carriers/{name}/restore"): Right("switch_carriers", "same"),
    ("POST", "/v1/receipts/{carrier}"): SIGNED,
    ("POST", "/v1/replies/{carrier}"): SIGNED,
    ("GET", "/v1/receipts/{carrier}"): SIGNED,
    ("POST", "/v1/calls/{carrier}"): SIGNED,
    ("GET", "/v1/clips/{carrier}/{clip}"): SIGNED,
    ("GET", "/v1/farewells/{farewell}"): PUBLIC,
    ("POST", "/v1/farewells/{farewell}"): SIGNED,
    ("GET", "/metrics"): PUBLIC,
    ("GET", "/healthz"): PUBLIC,
    ("GET", "/readyz"): PUBLIC,
    ("GET", "/openapi.json"): PUBLIC,
    ("GET", "/docs"): PUBLIC,
    ("GET", "/problems/{name}"): PUBLIC,
}


def demand(right: Right | Open, token: Token) -> None:
    """Raises InputError (403) where the token's role may not make this call at all, whatever is in its body."""
    if not isinstance(right, Right):
        return
    if right.action is not None:
        policy.demand(token, right.action)
    elif not any(policy.sends(token.role, alert_class) for alert_class in CLASSES):
        raise InputError("not-allowed", f"The role {token.role} sends no messages (R8, art. 8 d).", rule="R8")
