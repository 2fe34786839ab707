"""Evaluations and costs of what dispatch did (R20, R21): by network, zone, country and sender, whatever was late."""

import pytest
import trio
from tests.simulation.world import SMS_S, TEXT_ONLY, World, network, register, token

from klaroen.core.calls import Evaluate
from klaroen.core.errors import InputError
from klaroen.core.evaluation import EvaluationPage, EvaluationView
from klaroen.core.model import CostShare, Instant
from klaroen.dispatch import retention
from klaroen.dispatch.evaluating import evaluate_places
from klaroen.testing.country import TOKENS
from klaroen.testing.deeds import UNPROVED, Deed, Proof
from klaroen.testing.far_end import FarEnd

ONE_STEP = [network(1, TEXT_ONLY, cost_share=CostShare(0.5, 0.25, 0.25)), network(2, TEXT_ONLY, zone="Z2")]
PRICED = {"alpha": {"cost_eur": 0.04}}


def evaluated(world: World, **question: object) -> dict[tuple[str, str], EvaluationView]:
    """Everything, as the command line gets it."""
    desk = world.desk
    page = evaluate_places(desk.store, desk.book, desk.register.snapshot, Evaluate(**question), desk.clock.now())  # type: ignore[arg-type]
    assert isinstance(page, EvaluationPage)
    return {(view.level, view.id): view for view in page.items}


async def test_R20_a_day_s_messages_are_counted_where_they_belong(autojump_clock, world_of) -> None:
    """Exercises stand apart, drills nowhere; a follow-up is feedback; costs go to networks, crisis to its sender."""
    async with world_of(FarEnd("alpha"), networks=ONE_STEP, members=10, carriers=PRICED).running() as world:
        warm = await world.send()
        exercise = await world.send(mode="exercise", targets={"networks": ["BIN-0001"]})
        drill = await world.send(mode="drill")
        crisis = await world.send("crisis", **{"class": "crisis"})
        for alert in (warm, exercise, drill, crisis):
            await world.over(alert.id)
        found = evaluated(world)
        first, zone = found["network", "BIN-0001"], found["zone", "Z2"]
        assert (1, 10, 10) == (first.warm.alerts, first.warm.members, first.warm.reached)
        assert (1, 0, 1) == (first.exercises.alerts, first.cold.alerts, first.crisis.alerts)
        assert (1, 10, 0) == (zone.warm.alerts, zone.warm.reached, zone.exercises.alerts)
        country = found["country", ""]
        assert (1, 20, 1, 1) == (
            country.warm.alerts, country.warm.reached, country.exercises.alerts, country.crisis.alerts,
        )  # fmt: skip
        assert (0.4, 0.2, 0.2, 0.8) == (
            first.costs_eur.municipality, first.costs_eur.zone, first.costs_eur.members, first.costs_eur.total,
        )  # fmt: skip
        assert (0.4, 0.4) == (zone.costs_eur.unagreed, zone.costs_eur.total)
        assert (0.8, 0.8) == (found["sender", "crisis"].costs_eur.sender, found["sender", "crisis"].costs_eur.total)
        assert 2.0 == country.costs_eur.total
        assert (10, 10, 12) == (first.members_at_start or 10, first.members_at_end, first.evaluation_months)


async def test_R20_late_proof_is_counted_and_feedback_is_seen(autojump_clock, world_of) -> None:
    from tests.simulation.test_follow_up import follow

    alpha = FarEnd("alpha", Deed(proofs=(Proof(SMS_S + 10),)))
    async with world_of(alpha, networks=ONE_STEP, members=10, carriers=PRICED).running() as world:
        sent = await world.send()
        await world.over(sent.id)
        assert 0 == evaluated(world)["country", ""].warm.reached
        await trio.sleep(15)
        assert 20 == evaluated(world)["country", ""].warm.reached
        view = evaluated(world)["network", "BIN-0002"].warm
        assert (10, 10, 0) == (view.reached, view.handed_over, view.with_feedback)
        assert 19 <= (view.reached_s["p50"] or 0) <= 23
        await follow(world, sent.id, "reached")
        assert 1 == evaluated(world)["network", "BIN-0002"].warm.with_feedback


async def test_R20_what_is_under_way_is_told_and_not_counted(autojump_clock, world_of) -> None:
    async with world_of(FarEnd("alpha", UNPROVED), networks=ONE_STEP, members=10).running() as world:
        await world.send(targets={"networks": ["BIN-0001"]})
        found = evaluated(world, networks=("BIN-0001", "BIN-0002"))
        assert {("network", "BIN-0001"), ("network", "BIN-0002")} == found.keys()
        assert (1, 0) == (found["network", "BIN-0001"].open_alerts, found["network", "BIN-0001"].warm.alerts)
        assert 0 == found["network", "BIN-0002"].open_alerts
        assert 1 == evaluated(world)["country", ""].open_alerts


async def test_R20_an_evaluation_is_for_the_police_and_the_network_s_own_coordinator(autojump_clock, world_of) -> None:
    tokens = (*TOKENS, token("elsewhere", "police", "Z9"))
    options = {"networks": ONE_STEP, "members": 10, "tokens": tokens}
    async with world_of(FarEnd("alpha"), **options).running() as world:
        question = Evaluate(networks=("BIN-0001",))
        with world.standing_still():
            view = await world.ask(question, EvaluationView)
            assert ("network", "BIN-0001") == (view.level, view.id)
            for principal, problem in (
                ("elsewhere", "not-found"),
                ("operator", "not-allowed"),
                ("crisis", "not-allowed"),
            ):
                with pytest.raises(InputError) as caught:
                    await world.ask(question, EvaluationView, principal)
                assert problem == caught.value.problem.name
            with pytest.raises(InputError, match="no such network"):
                await world.ask(Evaluate(networks=("BIN-9999",)), EvaluationView)
            with pytest.raises(InputError, match="no such network"):
                await world.ask(Evaluate(networks=("BIN-9999",)), EvaluationPage, None)


async def test_R20_members_are_counted_as_the_register_stood(autojump_clock, world_of) -> None:
    """A person in two networks of a zone is one person there."""
    from msgspec.structs import replace

    from klaroen.core.model import NetworkId

    country = register([network(1), network(2)], 10)
    both = ((NetworkId("BIN-0001"), "active", True), (NetworkId("BIN-0002"), "active", True))
    members = (replace(country.members[0], memberships=both), *country.members[1:])
    world = world_of(FarEnd("alpha"), country=replace(country, members=members))
    async with world.running():
        found = evaluated(world, since="2000-01-01", until="2199-12-31")
        assert (None, 10) == (
            found["network", "BIN-0001"].members_at_start,
            found["network", "BIN-0001"].members_at_end,
        )
        assert (11, 20) == (found["network", "BIN-0002"].members_at_end, found["zone", "Z1"].members_at_end)
        assert 20 == found["country", ""].members_at_end


async def test_R20_replies_count_and_their_answers_are_no_messages(tmp_path, autojump_clock) -> None:
    """Of the network that each came from, its zone, the country and the sender; the answer costs, and no more."""
    from tests.simulation.test_replies import world_of, write

    async with world_of(tmp_path, autojump_clock, carriers={"a": {"cost_eur": 0.04}}).running() as world:
        sent = await world.send()
        await world.over(sent.id)
        await write(world, (0, "Ik zie hem."), (0, "Op de hoek."), (3, "Wat?"))
        await world.until(lambda: len(world.copies) == 6)
        await world.until(lambda: not world.desk.alerts)
        found = evaluated(world)
        assert (2, 1) == (found["network", "BIN-0001"].warm.replies, found["network", "BIN-0002"].warm.replies)
        assert (2, 1) == (found["zone", "Z1"].warm.replies, found["zone", "Z2"].warm.replies)
        assert (3, 3) == (found["country", ""].warm.replies, found["sender", "police"].warm.replies)
        assert (1, 0) == (found["country", ""].warm.alerts, found["country", ""].cold.alerts)
        assert 0.24 == found["country", ""].costs_eur.total


async def test_R22_counts_go_when_their_years_are_over(autojump_clock, world_of) -> None:
    """Ten years unless the configuration says otherwise; what is younger stays."""
    async with world_of(FarEnd("alpha"), members=5).running() as world:
        old = await world.send()
        await world.over(old.id)
        world.mock.jump(9 * 366 * 86_400)
        young = await world.send()
        await world.over(young.id)
        await retention.forget(world.desk)
        books = world.desk.store.books
        everything = (Instant(0), Instant(1 << 60))
        assert 2 == len(list(books.rows("country", *everything)))
        world.mock.jump(2 * 366 * 86_400)
        await retention.forget(world.desk)
        for level in ("network", "zone", "country", "sender"):
            assert [young.id] == [row.alert for row in books.rows(level, *everything)]
