"""The table of who may call what: whole, and asked before anything else is."""

import pytest
from tests.unit.edge import samples
from tests.unit.edge.virtual import in_virtual_time
from tests.unit.edge.world import edge_world

from klaroen.core.calls import Tokens
from klaroen.core.errors import InputError
from klaroen.core.policy import ACTIONS
from klaroen.edge.rights import RIGHTS, Right, demand
from klaroen.edge.routes import ROUTES

ROWS = {row.action: row for row in ACTIONS}


def test_every_route_has_its_row_and_no_row_is_without_route() -> None:
    """Whoever adds a route says who may call it."""
    assert {(one.method, one.path) for one in ROUTES} == RIGHTS.keys()


def test_what_needs_a_token_is_what_has_a_right() -> None:
    assert {(one.method, one.path) for one in ROUTES if one.secured} == {
        call for call, right in RIGHTS.items() if isinstance(right, Right)
    }


@pytest.mark.parametrize("call", [call for call, right in RIGHTS.items() if isinstance(right, Right)], ids=" ".join)
def test_a_role_that_may_not_is_told_by_which_rule(call: tuple[str, str]) -> None:
    """And one that may is not."""
    right = RIGHTS[call]
    assert isinstance(right, Right)
    if right.action is None:
        return
    row = ROWS[right.action]
    for role in ("police", "dispatch_centre", "crisis_authority", "coordinator", "operator", "carrier"):
        token = samples.token("other", "s", role)  # type: ignore[arg-type]
        if role in row.roles:
            demand(right, token)
        else:
            with pytest.raises(InputError) as refused:
                demand(right, token)
            assert (refused.value.problem.name, refused.value.problem.rule) == ("not-allowed", row.rule)


@in_virtual_time
async def test_R07_a_role_that_may_not_see_members_costs_dispatch_nothing() -> None:
    """It is refused at the door, before its body is read."""
    async with edge_world() as world:
        world.dispatch.push(Tokens((samples.token("operator", samples.OPERATOR_SECRET, "operator"),)))
        answer = await world.post_alert(secret=samples.OPERATOR_SECRET)
        assert (answer.status, answer.problem, answer.json["rule"]) == (403, "not-allowed", "R8")
        answer = await world.get("/v1/alerts/A1/deliveries", secret=samples.OPERATOR_SECRET)
        assert (answer.status, answer.problem, answer.json["rule"]) == (403, "not-allowed", "R7")
        assert world.dispatch.asks == []
