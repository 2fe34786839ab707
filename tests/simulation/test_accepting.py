"""What is accepted, what is refused, and what the same key answers."""

import pytest
import trio
from msgspec.structs import replace
from tests.simulation.audit import audit
from tests.simulation.world import SMS_S, TOKENS, network, register, token

from klaroen.core import calls
from klaroen.core.errors import InputError
from klaroen.core.model import AlertId
from klaroen.core.views import AcceptedView
from klaroen.register.export import export_register
from klaroen.register.model import Register
from klaroen.testing.deeds import Deed, Proof
from klaroen.testing.far_end import FarEnd


async def test_the_same_key_gets_the_same_answer(autojump_clock, world_of) -> None:
    """Repeated and concurrent posts of one key are one alert, also after a restart; another body is refused."""
    world = world_of()
    async with world.running():
        question = world.submit(key="one")
        answers: list[AcceptedView] = []

        async def post() -> None:
            answers.append(await world.ask(question, AcceptedView))

        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(post)
        assert 1 == len({answer.id for answer in answers}) == len(world.desk.alerts)
        other = replace(question, fingerprint=b"other")
        with pytest.raises(InputError) as caught:
            await world.ask(other, AcceptedView)
        assert "key-reused" == caught.value.problem.name
        assert answers[0] == await world.ask(question, AcceptedView)
        assert answers[0].id != (await world.ask(question, AcceptedView, "police2")).id
    async with world.running():
        assert answers[0] == await world.ask(question, AcceptedView)
        assert 30 == (await world.over(answers[0].id)).reached


async def refused(world, principal: str, **changes) -> InputError:
    with pytest.raises(InputError) as caught:
        await world.send(principal, **changes)
    return caught.value


async def test_refusals_by_rule(autojump_clock, world_of) -> None:
    """R1: a stopped network; R8: another zone's; R9: no grant; R10: crisis messages are crisis authorities' alone."""
    networks = [network(1), network(2, stopped=True), network(3, zone="Z2")]
    tokens = (*TOKENS, token("aalst", "police", "Z1"), token("list", "coordinator", "Z1"))
    alpha = FarEnd("alpha")
    async with world_of(alpha, networks=networks, members=10, tokens=tokens).running() as world:
        everywhere = {"networks": ["BIN-0001", "BIN-0002", "BIN-0003", "BIN-0099"]}
        sent = await world.send("aalst", targets=everywhere)
        rules = {one.network: one.rule for one in sent.refused}
        assert {"BIN-0002": "R1", "BIN-0003": "R8", "BIN-0099": None} == rules
        assert 10 == (await world.over(sent.id)).reached == len(alpha.copies)
        alone = await refused(world, "aalst", targets={"networks": ["BIN-0003"]})
        assert ("nobody", "R8") == (alone.problem.name, alone.problem.rule)
        crisis = await refused(world, "aalst", **{"class": "crisis"})
        assert ("not-allowed", "R10") == (crisis.problem.name, crisis.problem.rule)
        warm = await refused(world, "crisis")
        assert "not-allowed" == warm.problem.name
        member = await refused(world, "list")
        assert ("nobody", "R9") == (member.problem.name, member.problem.rule)
        audit(world, sent.id)


async def test_a_drill_never_touches_a_live_carrier(autojump_clock, world_of) -> None:
    """A drill goes through everything, and no byte of it to a real carrier; live alerts never use a drill's."""
    alpha = FarEnd("alpha")
    async with world_of(alpha).running() as world:
        drill = await world.send(mode="drill")
        status = await world.over(drill.id)
        assert (30, "drill") == (status.reached, status.mode)
        assert not alpha.handed
        assert {one.carrier for one in world.attempts(drill.id)} == {"drill_sms"}
        live = await world.send()
        assert 30 == (await world.over(live.id)).reached == len(alpha.copies)
        assert all(station.simulated for station in world.desk.drills.values())
        assert not set(world.desk.drills) & set(world.desk.stations)


async def test_an_exercise_is_really_sent(autojump_clock, world_of) -> None:
    """An exercise goes to everybody by live carriers, and is counted apart."""
    alpha = FarEnd("alpha")
    async with world_of(alpha).running() as world:
        sent = await world.send(mode="exercise")
        status = await world.over(sent.id)
        assert (30, "exercise", 30) == (status.reached, status.mode, len(alpha.copies))


async def import_register(world, made: Register, tmp_path, allow_removal: int = 0) -> None:
    paths = [tmp_path / name for name in ("zones.jsonl", "networks.jsonl", "members.csv")]
    for path, content in zip(paths, export_register(made), strict=True):
        path.write_bytes(content)
    with world.standing_still():
        question = calls.ImportRegister(*map(str, paths), allow_removal=allow_removal)
        await world.ask(question, object, None)


async def test_an_import_while_an_alert_is_open(autojump_clock, world_of, tmp_path) -> None:
    """New numbers are used from the next hand-over on; who was removed is not warned, and has an end."""
    alpha = FarEnd("alpha", Deed(proofs=(Proof(5.0),)))
    carriers = {"alpha": {"rate_per_s": 10.0}}
    async with world_of(alpha, members=100, carriers=carriers).running() as world:
        sent = await world.send()
        await trio.sleep(3)
        taken = len(alpha.handed)
        members = tuple(
            replace(one, mobile=f"+32471{one.number:06}") if one.number % 2 else one
            for one in world.country.members
            if one.number < 98
        )
        await import_register(world, Register(world.country.zones, world.country.networks, members), tmp_path, 2)
        status = await world.over(sent.id)
        assert (98, 2) == (status.reached, status.cancelled)
        late = [one.envelope.address for one in alpha.handed[taken:]]
        assert len(late) == 98 - taken
        assert all(address.startswith("+32471") == bool(int(address[6:]) % 2) for address in late)
        later = await world.send(content={"nl": {"text": "Daarna"}})
        assert 98 == later.members


async def test_plans_of_acceptance_hold_over_an_import_and_a_restart(autojump_clock, world_of, tmp_path) -> None:
    """An alert goes on by the plan version that it was accepted with (R3), whatever is imported meanwhile."""
    from klaroen.core.model import Plan, Window

    alpha = FarEnd("alpha", Deed(proofs=()))
    world = world_of(alpha, members=6)
    async with world.running():
        sent = await world.send()
        await trio.sleep(1)
        text_only = (Window("00:00", "24:00", ("sms",)),)
        changed = network(1, plans=(Plan(2, "2020-01-01", text_only, text_only),))
        await import_register(world, Register(world.country.zones, (changed,), world.country.members), tmp_path)
    async with world.running():
        status = await world.over(sent.id)
        assert 6 == status.channels["tts"].reached
        later = await world.send(content={"nl": {"text": "Daarna"}})
        status = await world.over(later.id)
        assert ({"sms"}, 6) == (set(status.channels), status.handed_over)
        audit(world, sent.id, later.id)


async def test_a_removed_carrier_s_work_goes_on_without_doubles(autojump_clock, world_of) -> None:
    """A carrier that is configured no more leaves its handed-over work in peace: only what it had not taken moves."""
    old, new = FarEnd("old", Deed(proofs=())), FarEnd("new")
    country = register([network(1)], 20)
    world = world_of(old, new, country=country, carriers={"new": {"lanes": ("cold",)}})
    async with world.running():
        sent = await world.send()
        await world.until(lambda: len(old.answered) == 20, 2)
        await trio.sleep(0.5)
    world.settings = replace(world.settings, carrier=tuple(one for one in world.settings.carrier if one.name != "old"))
    world.settings = replace(
        world.settings,
        carrier=tuple(replace(one, lanes=()) if one.name == "new" else one for one in world.settings.carrier),
    )
    async with world.running():
        status = await world.over(sent.id)
        assert not new.handed
        assert (20, 0) == (status.channels["tts"].reached, status.possible_duplicates)
        assert SMS_S > 0
        assert AlertId(sent.id) not in world.desk.alerts
        audit(world, sent.id)
