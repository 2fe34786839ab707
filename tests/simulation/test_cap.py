"""CAP messages through the whole of dispatch: replayed, updated, cancelled, expired; a Cancel never sends anything."""

from datetime import UTC, datetime
from hashlib import sha256

import pytest
import trio
from msgspec.structs import replace
from tests.simulation.world import World, network, register
from tests.unit.core.cap_samples import area, info, message

from klaroen.core.calls import Submit, Withdraw
from klaroen.core.cap import Posted, Profile, Withdrawn, read_cap
from klaroen.core.errors import InputError
from klaroen.core.model import AlertId, Area, Instant
from klaroen.core.views import AcceptedView, HeardView
from klaroen.testing.far_end import FarEnd

SLOW = {"alpha": {"rate_per_s": 50.0}}
PROFILE = Profile(municipalities={"41002": "Aalst"})
AALST = area("<geocode><valueName>NIS5</valueName><value>41002</value></geocode>")


def stamp(at: Instant) -> str:
    return datetime.fromtimestamp(at // 1000, UTC).isoformat()


async def post(world: World, text: str = "Sluit ramen.", *, areas: str = AALST, lives_s: int = 3600, **head):
    """Post a message as a crisis authority would."""
    now = world.clock.now()
    expires = stamp(Instant(now + lives_s * 1000))
    body = message(info(text, areas=areas, expires=expires), **{"sent": "2026-11-26T09:00:00+01:00", **head})
    told = read_cap(body, "crisis_authority", PROFILE, now)
    if isinstance(told, Withdrawn):
        return await world.ask(Withdraw(told.references, told.mode), HeardView, "crisis")
    assert isinstance(told, Posted)
    submit = Submit(
        told.request, told.key, sha256(body).digest(), told.expires_at, told.places, told.references, told.notes
    )
    return await world.ask(submit, AcceptedView, "crisis")


def name(identifier: str) -> str:
    return f"crisis.example.be,{identifier},2026-11-26T09:00:00+01:00"


async def refused(world: World, **changes) -> tuple[str, object]:
    with pytest.raises(InputError) as caught:
        await post(world, **changes)
    return caught.value.problem.name, caught.value.problem.at


async def test_a_message_warns_and_its_texts_hash_is_the_authoritys(autojump_clock, world_of) -> None:
    alpha = FarEnd("alpha")
    async with world_of(alpha).running() as world:
        told = await post(world, "  Sluit ramen.\r\n  ")
        assert {"nl": sha256(b"  Sluit ramen.\r\n  ").hexdigest()} == told.content_sha256
        assert ("crisis", 30) == ((status := await world.over(told.id)).alert_class, status.reached)
        assert {"  Sluit ramen.\r\n  "} == {one.envelope.content.text for one in alpha.handed}


async def test_a_replay_gets_the_first_answer_even_after_it_expired(autojump_clock, world_of) -> None:
    """The same message is accepted once; another one of that name is told so."""
    alpha = FarEnd("alpha")
    async with world_of(alpha).running() as world:
        now = world.clock.now()
        body = message(info(areas=AALST, expires=stamp(Instant(now + 60_000))))
        told = read_cap(body, "crisis_authority", PROFILE, now)
        assert isinstance(told, Posted)
        submit = Submit(told.request, told.key, sha256(body).digest(), told.expires_at)
        first = await world.ask(submit, AcceptedView, "crisis")
        await trio.sleep(120)
        assert first == await world.ask(submit, AcceptedView, "crisis")
        with pytest.raises(InputError, match="another body"):
            await world.ask(replace(submit, fingerprint=b"other"), AcceptedView, "crisis")
        assert 30 == len(alpha.handed)


async def test_what_has_expired_or_lives_too_long_is_refused(autojump_clock, world_of) -> None:
    async with world_of().running() as world:
        for lives_s in (-1, 5, 259_300):
            assert ("invalid", "/alert/info/expires") == await refused(world, lives_s=lives_s)
        assert not world.desk.alerts


async def test_an_update_stops_what_it_names_and_warns_both(autojump_clock, world_of) -> None:
    """Several may be named: whatever of them is still going stops."""
    alpha = FarEnd("alpha")
    country = register([network(1), network(2, municipality="Gent")], 200)
    async with world_of(alpha, country=country, carriers=SLOW).running() as world:
        first = await post(world, identifier="1")
        second = await post(world, "twee", kind="Update", identifier="2", references=name("1"))
        await trio.sleep(1)
        third = await post(
            world, "drie", kind="Update", identifier="3", references=f"{name('1')} {name('2')}",
        )  # fmt: skip
        assert "superseded" == (await world.over(first.id)).state
        assert "superseded" == (await world.over(second.id)).state
        status = await world.over(third.id)
        assert ("done", 200, second.id) == (status.state, status.reached, status.supersedes)


async def test_an_update_that_waits_for_another_person_stops_nothing(autojump_clock, world_of) -> None:
    """Who cancels it, cancels what it was to take the place of: to the sender there is but one message left."""
    alpha = FarEnd("alpha")
    world = world_of(alpha, carriers=SLOW, members=200)
    async with world.running():
        first = await post(world, identifier="1")
    world.settings = replace(world.settings, four_eyes=replace(world.settings.four_eyes, crisis=0))
    async with world.running():
        second = await post(world, "twee", kind="Update", identifier="2", references=name("1"))
        await trio.sleep(1)
        assert ("awaiting_consent", "sending") == (second.state, (await world.status(first.id)).state)
        heard = await post(world, "Einde.", kind="Cancel", identifier="3", references=name("2"))
        assert [first.id, second.id] == [one.id for one in heard.alerts]
        assert "cancelled" == (await world.over(first.id)).state == (await world.over(second.id)).state
        assert {"Sluit ramen."} == {one.envelope.content.text for one in alpha.handed}


async def test_what_is_not_known_is_not_updated_or_cancelled(autojump_clock, world_of) -> None:
    """422, and nothing is half done."""
    async with world_of(carriers=SLOW, members=200).running() as world:
        first = await post(world, identifier="1")
        for kind in ("Update", "Cancel"):
            both = f"{name('1')} {name('9')}"
            assert ("invalid", "/alert/references") == await refused(world, kind=kind, identifier="2", references=both)
        assert (await world.status(first.id)).state in ("accepted", "sending")
        assert 1 == len(world.desk.alerts)


async def test_a_cancel_stops_and_sends_nothing(autojump_clock, world_of) -> None:
    alpha = FarEnd("alpha")
    async with world_of(alpha, carriers=SLOW, members=200).running() as world:
        first = await post(world, identifier="1")
        await trio.sleep(1)
        heard = await post(world, "Einde.", kind="Cancel", identifier="2", references=name("1"))
        assert ("cancelled", first.id) == (heard.heard, heard.alerts[0].id)
        again = await post(world, "Einde.", kind="Cancel", identifier="2", references=name("1"))
        assert "cancelled" == again.alerts[0].state
        status = await world.over(first.id)
        assert ("cancelled", len(alpha.handed)) == (status.state, status.reached)
        assert {"Sluit ramen."} == {one.envelope.content.text for one in alpha.handed}
        assert [AlertId(first.id)] == [row.alert.id for row in world.desk.store.alerts(None, 10, (), ())]


async def test_a_cancel_of_what_is_over_is_told_so(autojump_clock, world_of) -> None:
    async with world_of().running() as world:
        first = await post(world, identifier="1")
        await world.over(first.id)
        assert ("state", "/alert/references") == await refused(
            world, kind="Cancel", identifier="2", references=name("1")
        )


async def test_a_test_message_never_stops_the_real_thing(autojump_clock, world_of) -> None:
    """An Update or a Cancel acts on its own mode only."""
    async with world_of(carriers=SLOW, members=200).running() as world:
        first = await post(world, identifier="1")
        named = {"identifier": "2", "references": name("1"), "status": "Exercise"}
        assert ("invalid", "/alert/status") == await refused(world, kind="Cancel", **named)
        assert ("invalid", "/alert/references") == await refused(world, kind="Update", **named)
        assert (await world.status(first.id)).state in ("accepted", "sending")


async def test_all_areas_of_a_message_are_warned(autojump_clock, world_of) -> None:
    """The union of municipality, polygon and circle; a network without a place on the map is named."""
    ring = ((4.0, 50.0), (4.1, 50.0), (4.1, 50.1), (4.0, 50.0))
    country = register(
        [
            network(1),
            network(2, municipality="Gent", area=Area(polygon=ring)),
            network(3, municipality="Namur", centroid=(5.0, 50.5)),
            network(4, municipality="Mons"),
            network(5, municipality="Liège", centroid=(5.5, 50.6)),
        ],
        10,
    )
    areas = AALST + area("<polygon>50.0,4.0 50.2,4.0 50.2,4.2 50.0,4.0</polygon><circle>50.5,5.0 1</circle>")
    async with world_of(country=country).running() as world:
        told = await post(world, areas=areas)
        assert (30, 3, ("BIN-0004",)) == (told.members, told.networks, told.not_located)
