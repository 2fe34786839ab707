"""Who goes first on one carrier, and how carriers share."""

from datetime import datetime

import trio
from tests.simulation.audit import audit
from tests.simulation.world import network

from klaroen.testing.far_end import FarEnd

RATE = 100.0


async def test_a_class_overtakes_the_lower_one_and_leaves_it_its_floor(autojump_clock, world_of) -> None:
    """A warm alert passes a public one that is under way; the public one keeps 5 % of the carrier's rate."""
    alpha = FarEnd("alpha")
    networks = [network(1), network(2)]
    async with world_of(alpha, networks=networks, members=500, carriers={"alpha": {"rate_per_s": RATE}}).running() as w:
        public = await w.send(**{"class": "public_interest"}, urgent=True, content={"nl": {"text": "Publiek"}})
        await trio.sleep(3)
        before = len(alpha.handed)
        warm = await w.send(content={"nl": {"text": "Warm"}})
        await trio.sleep(8)
        since = alpha.handed[before:]
        share = sum(one.envelope.content.text == "Publiek" for one in since) / len(since)
        assert 0.03 < share < 0.09
        assert 0.9 * RATE < len(since) / 8 < 1.2 * RATE
        assert 1000 == (await w.over(warm.id)).reached
        assert 1000 == (await w.over(public.id)).reached
        audit(w, warm.id, public.id)


async def test_one_network_does_not_wait_for_a_country(autojump_clock, world_of) -> None:
    """Within a lane alerts take turns: a small one is out at once, however large the one before it is."""
    alpha = FarEnd("alpha")
    networks = [network(number) for number in range(1, 13)]
    async with world_of(alpha, networks=networks, members=100, carriers={"alpha": {"rate_per_s": RATE}}).running() as w:
        national = await w.send()
        await trio.sleep(5)
        local = await w.send(targets={"networks": ["BIN-0007"]}, content={"nl": {"text": "Hier"}})
        asked = trio.current_time()
        await w.until(lambda: sum(one.envelope.content.text == "Hier" for one in alpha.handed) == 100, 10)
        assert trio.current_time() - asked < 2.5  # half of the carrier's rate, so twice the second that it takes
        assert 100 == (await w.over(local.id)).reached
        assert 1200 == (await w.over(national.id)).reached
        audit(w, local.id, national.id)


async def test_streets_leave_together(autojump_clock, world_of) -> None:
    """Where the disk is slow a turn each would keep forty of them, and a country beside, waiting for four seconds."""
    alpha = FarEnd("alpha")
    networks = [network(number) for number in range(1, 41)]
    async with world_of(alpha, networks=networks, members=5, carriers={"alpha": {"rate_per_s": 1000.0}}).running() as w:
        national = await w.send(content={"nl": {"text": "Land"}})
        w.disk_lag_s = 0.1
        asked, streets = trio.current_time(), []
        async with trio.open_nursery() as nursery:
            for number in range(1, 41):
                nursery.start_soon(_send_street, w, number, streets)
        await w.until(lambda: len(alpha.handed) == 400, 10)
        assert trio.current_time() - asked < 2.0
        w.disk_lag_s = 0.0
        for alert in (national.id, *streets):
            await w.over(alert)
        audit(w, national.id, *streets)


async def test_a_floor_costs_no_turn(autojump_clock, world_of) -> None:
    """Beside a country of a lower class, whose floor is a message or two a turn, streets go on leaving together."""
    alpha = FarEnd("alpha")
    networks, carriers = [network(number) for number in range(1, 41)], {"alpha": {"rate_per_s": 2000.0}}
    async with world_of(alpha, networks=networks, members=50, carriers=carriers).running() as w:
        national = await w.send(**{"class": "public_interest"}, content={"nl": {"text": "Land"}})
        w.disk_lag_s = 0.02
        streets: list[str] = []
        async with trio.open_nursery() as nursery:
            for number in [*range(1, 41)] * 2:
                nursery.start_soon(_send_street, w, number, streets)
                await trio.sleep(0.03)
        for alert in (national.id, *streets):
            await w.over(alert)
        waited_s = [await _waited_s(w, alert) for alert in streets]
        assert max(waited_s) < 0.25
        audit(w, national.id, *streets)


async def test_the_largest_network_is_warned_beside_a_crisis_as_fast_as_alone(autojump_clock, world_of) -> None:
    """What warm has saved of its floor while it had no work is a second of the carrier's rate."""
    alpha = FarEnd("alpha")
    networks, carriers = [network(number) for number in range(1, 16)], {"alpha": {"rate_per_s": 1000.0}}
    async with world_of(alpha, networks=networks, members=600, carriers=carriers).running() as w:
        crisis = await w.send("crisis", **{"class": "crisis"}, content={"nl": {"text": "Schuil"}})
        await trio.sleep(4)
        street = await w.send(targets={"networks": ["BIN-0007"]})
        asked = trio.current_time()
        await w.until(lambda: sum(one.envelope.content.text != "Schuil" for one in alpha.handed) == 600, 10)
        assert trio.current_time() - asked < 0.75
        assert 600 == (await w.over(street.id)).reached
        assert 9_000 == (await w.over(crisis.id)).reached
        audit(w, street.id, crisis.id)


async def test_the_first_telephone_of_a_crisis_waits_for_no_savings(autojump_clock, world_of) -> None:
    """A warm alert is under way, and its lane has saved for a second: the crisis rings first, then that is used."""
    alpha = FarEnd("alpha")
    networks, carriers = [network(1), network(2)], {"alpha": {"rate_per_s": RATE}}
    async with world_of(alpha, networks=networks, members=500, carriers=carriers).running() as w:
        before = await w.send("crisis", **{"class": "crisis"}, content={"nl": {"text": "Schuil"}})
        assert 1_000 == (await w.over(before.id)).reached
        warm = await w.send(content={"nl": {"text": "Warm"}})
        await trio.sleep(3)
        crisis = await w.send("crisis", **{"class": "crisis"}, content={"nl": {"text": "Nu"}})
        await w.over(crisis.id)
        assert await _waited_s(w, crisis.id) <= 0.25
        since = [one.envelope.content.text for one in alpha.handed]
        since = since[since.index("Nu") :][: int(RATE * 2)]
        assert 0.5 * RATE < since.count("Warm") < 1.5 * RATE
        await w.over(warm.id)
        audit(w, before.id, warm.id, crisis.id)


async def _waited_s(world, alert: str) -> float:
    status = await world.status(alert)
    first, accepted = (datetime.fromisoformat(one) for one in (status.first_handover_at, status.accepted_at))
    return (first - accepted).total_seconds()


async def _send_street(world, number: int, sent: list[str]) -> None:
    accepted = await world.send(targets={"networks": [f"BIN-{number:04}"]}, content={"nl": {"text": "Hier"}})
    sent.append(accepted.id)


async def test_two_carriers_share_by_weight(autojump_clock, world_of) -> None:
    """Where both have room, a carrier of twice the weight gets about twice as much.

    Of 36 batches of 500, a trust of 1,000 segments lets it take 22 to 26, whoever is asked first.
    """
    alpha, beta = FarEnd("alpha"), FarEnd("beta")
    carriers = {"alpha": {"weight": 2.0}}
    async with world_of(alpha, beta, members=500, carriers=carriers, unjournaled_max=10_000).running() as world:
        alerts = []
        for number in range(36):
            alerts.append((await world.send(content={"nl": {"text": f"Bericht {number}"}})).id)
            await trio.sleep(1)
        for alert in alerts:
            await world.over(alert)
        assert 22 * 500 <= len(alpha.handed) <= 26 * 500
        assert 36 * 500 == len(alpha.handed) + len(beta.handed)


async def test_a_carrier_kept_for_some_lanes_gets_no_others(autojump_clock, world_of) -> None:
    """`lanes` keeps a carrier for these classes, also while it is idle and the others are full."""
    alpha, beta = FarEnd("alpha"), FarEnd("beta")
    carriers = {"alpha": {"rate_per_s": 50.0}, "beta": {"lanes": ("crisis",)}}
    async with world_of(alpha, beta, carriers=carriers, members=200).running() as world:
        sent = await world.send()
        await world.over(sent.id)
        assert (200, 0) == (len(alpha.handed), len(beta.handed))
        await world.switch("alpha", "avoid")
        crisis = await world.send("crisis", **{"class": "crisis"}, content={"nl": {"text": "Schuil nu"}})
        assert 200 == (await world.over(crisis.id)).reached
        assert 200 == len(beta.handed)
        audit(world, sent.id, crisis.id)


async def test_an_avoided_carriers_load_moves_at_once(autojump_clock, world_of) -> None:
    """The operator's switch: nothing more goes there, and what it had not taken goes elsewhere."""
    alpha, beta = FarEnd("alpha"), FarEnd("beta")
    carriers = {name: {"rate_per_s": RATE} for name in ("alpha", "beta")}
    async with world_of(alpha, beta, carriers=carriers, members=1000).running() as world:
        sent = await world.send()
        await trio.sleep(3)
        await world.switch("alpha", "avoid")
        asked = trio.current_time()
        await trio.sleep(1)
        assert not [one for one in alpha.handed if one.at > asked + 0.2]
        held = [page for station in world.desk.stations.values() for page in station.held.values()]
        assert all(page.station.name == "beta" for page in held)
        status = await world.over(sent.id)
        assert (1000, 0) == (status.reached, status.possible_duplicates)
        await world.switch("alpha", "restore")
        await world.switch("beta", "avoid")
        again = await world.send(content={"nl": {"text": "Opnieuw"}})
        await world.over(again.id)
        assert alpha.handed[-1].at > asked + 1
        audit(world, sent.id, again.id)
