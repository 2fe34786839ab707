"""Follow-ups (R18): to exactly those whom the earlier alert was handed over to, reached, or did not reach."""

from hashlib import sha256

import pytest
import trio
from msgspec.structs import replace
from tests.simulation.world import TEXT_ONLY, World, network, register

from klaroen.core.calls import FollowUp, ListAlerts, ShowDelivery
from klaroen.core.errors import InputError
from klaroen.core.follow_up import read_follow_up
from klaroen.core.model import AlertId
from klaroen.core.views import AcceptedView, AlertPage, DeliveryWhyView
from klaroen.register.snapshot import make_snapshot
from klaroen.testing.deeds import UNPROVED
from klaroen.testing.far_end import FarEnd

WORDS = "De dader is gevat. Dank u."


async def follow(world: World, alert: str, to: str, *, key: str = "f1", principal: str = "police", **changes):
    import json

    body = json.dumps({"to": to, "content": {"nl": {"text": WORDS}}, **changes}).encode()
    question = FollowUp(AlertId(alert), read_follow_up(body), key, sha256(body).digest())
    return await world.ask(question, AcceptedView, principal)


def told(end: FarEnd) -> set[str]:
    """Who got the follow-up's words."""
    return {one.envelope.address for one in end.handed if one.envelope.content.text == WORDS}


def warned(end: FarEnd) -> set[str]:
    return {one.envelope.address for one in end.handed if one.envelope.content.text != WORDS}


async def test_R18_a_follow_up_goes_to_those_who_were_handed_the_alert(autojump_clock, world_of) -> None:
    """Cold by default, linked, and to nobody else of the same networks."""
    alpha = FarEnd("alpha", UNPROVED)
    async with world_of(
        alpha, networks=[network(1, TEXT_ONLY)], members=400, carriers={"alpha": {"rate_per_s": 50.0}}
    ).running() as world:
        first = await world.send()
        await trio.sleep(2)
        await world.act(first.id, "cancel")
        await world.over(first.id)
        handed = warned(alpha)
        assert 50 < len(handed) < 150
        second = await follow(world, first.id, "handed_over")
        assert ("cold", "live", len(handed)) == (second.alert_class, second.mode, second.members)
        status = await world.over(second.id)
        assert handed == told(alpha)
        assert (first.id, None) == (status.follows, status.supersedes)
        rest = await follow(world, first.id, "unreached", key="f2")
        assert 400 == rest.members, "none was reached: no receipt came"
        with pytest.raises(InputError, match="no active members"):
            await follow(world, first.id, "reached", key="f3")


async def test_R18_the_reached_and_the_unreached_are_everybody(autojump_clock, world_of) -> None:
    """A correction may be warm; between the two nobody is left out and nobody is in both."""
    alpha = FarEnd("alpha")
    async with world_of(
        alpha, networks=[network(1, TEXT_ONLY)], members=200, carriers={"alpha": {"rate_per_s": 50.0}}
    ).running() as world:
        first = await world.send()
        await trio.sleep(2)
        await world.act(first.id, "cancel")
        status = await world.over(first.id)
        reached = await follow(world, first.id, "reached", **{"class": "warm"})
        await world.over(reached.id)
        some = told(alpha)
        assert ("warm", status.reached) == (reached.alert_class, len(some))
        assert some == warned(alpha)
        others = await follow(world, first.id, "unreached", key="f2")
        await world.over(others.id)
        assert (200, 200 - len(some)) == (len(told(alpha)), others.members)


async def test_R18_who_is_active_no_more_is_left_out(autojump_clock, world_of) -> None:
    """Whatever happened in between: the register of the moment says who is a member."""
    alpha = FarEnd("alpha")
    country = register([network(1, TEXT_ONLY), network(2, TEXT_ONLY)], 10)
    world = world_of(alpha, country=country)
    async with world.running():
        first = await world.send()
        await world.over(first.id)
        left = [replace(one, memberships=((one.memberships[0][0], "removed", True),)) for one in country.members[:4]]
        later = replace(country, members=(*left, *country.members[4:]))
        stopped = replace(later, networks=(later.networks[0], replace(later.networks[1], stopped=True)))
        world.desk.take_register(make_snapshot(2, stopped))
        second = await follow(world, first.id, "handed_over")
        assert (6, 1) == (second.members, second.networks)
        assert ["BIN-0002"] == [one.network for one in second.refused]
        await world.over(second.id)
        assert {one.mobile for one in country.members[4:10]} == told(alpha)


async def test_a_follow_up_is_accepted_once_and_survives_a_restart(autojump_clock, world_of) -> None:
    alpha = FarEnd("alpha")
    world = world_of(alpha, networks=[network(1, TEXT_ONLY)], members=30)
    async with world.running():
        first = await world.send(mode="exercise")
        await world.over(first.id)
        second = await follow(world, first.id, "handed_over")
        assert second == await follow(world, first.id, "handed_over")
        assert "exercise" == second.mode
        with pytest.raises(InputError, match="another body"):
            await follow(world, first.id, "handed_over", author="insp. 4711")
    async with world.running():
        assert first.id == (await world.over(second.id)).follows
        assert 30 == len(told(alpha))
        why = await world.ask(ShowDelivery(AlertId(second.id), "M1"), DeliveryWhyView)
        assert "R18" in [one.rule for one in why.why]


async def test_R08_a_follow_up_needs_what_any_message_needs(autojump_clock, world_of) -> None:
    """Another's alert that the token may not see is unknown; a role that sends no cold messages sends none here."""
    async with world_of(FarEnd("alpha"), members=5).running() as world:
        first = await world.send()
        await world.over(first.id)
        with pytest.raises(InputError) as caught:
            await follow(world, "nowhere", "reached")
        assert "not-found" == caught.value.problem.name
        with pytest.raises(InputError) as caught:
            await follow(world, first.id, "reached", principal="operator")
        assert ("not-allowed", "R8") == (caught.value.problem.name, caught.value.problem.rule)


# --- extends ----------------------------------------------------------------------------------------------------------


async def test_an_extension_leaves_out_who_was_handed_the_alert(autojump_clock, world_of) -> None:
    """A wider area: the newcomers get it, and those for whom the first one was stopped, and nobody twice."""
    alpha = FarEnd("alpha")
    country = register([network(1, TEXT_ONLY), network(2, TEXT_ONLY)], 200)
    async with world_of(alpha, country=country, carriers={"alpha": {"rate_per_s": 50.0}}).running() as world:
        first = await world.send(targets={"networks": ["BIN-0001"]})
        await trio.sleep(2)
        await world.act(first.id, "cancel")
        await world.over(first.id)
        handed = warned(alpha)
        assert 50 < len(handed) < 150
        second = await world.send(extends=first.id, content={"nl": {"text": WORDS}})
        assert (400 - len(handed), 2) == (second.members, second.networks)
        assert "done" == (await world.over(second.id)).state
        assert not handed & told(alpha)
        assert 400 == len(handed | told(alpha))
        row = world.desk.store.alert(AlertId(second.id))
        assert row is not None
        assert (first.id, None) == (row.alert.extends, row.alert.follows)


async def test_an_extension_that_adds_nobody_is_refused(autojump_clock, world_of) -> None:
    async with world_of(FarEnd("alpha"), networks=[network(1, TEXT_ONLY)], members=5).running() as world:
        first = await world.send()
        await world.over(first.id)
        for changes, name, at in (
            ({"extends": first.id}, "nobody", None),
            ({"extends": "nowhere"}, "invalid", "$.extends"),
            ({"extends": first.id, "mode": "drill"}, "invalid", "$.extends"),
        ):
            with pytest.raises(InputError) as caught:
                await world.send(**changes)
            problem = caught.value.problem
            assert (name, at) == (problem.name, problem.at if at else None)


DAY_S = 86_400.0


async def listed(world: World, **question: object) -> list[str]:
    page = await world.ask(ListAlerts(feedback="missing", **question), AlertPage)  # type: ignore[arg-type]
    return [one.id for one in page.items]


async def test_R18_an_alert_that_owes_feedback_for_a_day_is_listed_until_it_is_followed(
    autojump_clock, world_of
) -> None:
    """Live warm ones that somebody was handed; a correction takes the duty over; a month later nobody expects it."""
    async with world_of(FarEnd("alpha"), members=5).running() as world:
        forgotten = await world.send()
        corrected = await world.send()
        await world.over(corrected.id)
        owing = await world.send(supersedes=corrected.id)
        others = [
            await world.send(mode="exercise"),
            await world.send(mode="drill"),
            await world.send(**{"class": "cold"}),
        ]
        followed = await world.send()
        for alert in (owing, *others, followed):
            await world.over(alert.id)
        assert [] == await listed(world)
        world.mock.jump(DAY_S - 3 * 3600)
        await follow(world, followed.id, "reached")
        assert [] == await listed(world)
        world.mock.jump(4 * 3600)
        await trio.sleep(1)
        assert [owing.id, forgotten.id] == await listed(world)
        first = await world.ask(ListAlerts(feedback="missing", limit=1), AlertPage)
        assert [owing.id] == [one.id for one in first.items]
        assert [forgotten.id] == await listed(world, before=first.next)
        assert [] == await listed(world, alert_class="cold")
        assert [] == await listed(world, zone="Z9")
        assert [] == await listed(world, state="cancelled")
        assert 2 == world.desk.without_feedback
        await follow(world, owing.id, "reached", key="f2")
        assert [forgotten.id] == await listed(world)
        world.mock.jump(30 * DAY_S)
        assert [] == await listed(world)
