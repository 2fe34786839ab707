"""WhatsApp in a whole dispatch, against Meta's side of it: who gets it, what it cannot carry, and what proves it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio
from msgspec.structs import replace
from tests.fakes.graph import PHONE_ID, TEMPLATE, GraphPeer, post, status
from tests.simulation.world import World, network, register
from trio.testing import MockClock

from klaroen.core.calls import PutReceipts
from klaroen.core.model import CarrierName, Channel, Plan, Window
from klaroen.core.ports import Carrier, Clock, Emit
from klaroen.register.model import Register
from klaroen.setting_whatsapp import CODES, Whatsapp
from klaroen.settings import Plugged
from klaroen.testing.far_end import FarEnd
from klaroen_adapters.whatsapp.whatsapp import make
from klaroen_adapters.whatsapp.whatsapp_callback import parse_receipts
from klaroen_adapters.whatsapp.whatsapp_wire import Account

URL = f"http://graph.test/v23.0/{PHONE_ID}/messages"
META = Whatsapp(
    name=CarrierName("meta"), channels=("whatsapp",), phone_id=PHONE_ID, token_file="unread", template=TEMPLATE
)


class Meta(Plugged, frozen=True, kw_only=True, tag_field="kind", tag="meta"):
    """The real driver, on a network of memory."""

    peer: Any
    unable: Callable[[str], str | None] = META.unable  # type: ignore[assignment]  # as the kind has it
    names_attempts: bool = True  # type: ignore[assignment]

    def build(self, emit: Emit, clock: Clock) -> Carrier:
        return make(META, Account(URL, "S3cret", TEMPLATE, CODES, META.text_max), emit, clock, self.peer.connect)


def country(*, kind: str = "residents", members: int = 3) -> Register:
    """Everybody has a mobile and WhatsApp; the plan puts WhatsApp first; all but the kind fits R13."""
    week = ("whatsapp", "sms")
    window = (Window("00:00", "24:00", week),)
    plan = Plan(1, "2020-01-01", window, window, social_media_supported=True)
    made = register([network(1, kind=kind, plans=(plan,), house_rules_social_media=True)], members)
    zones = tuple(replace(zone, social_media_supported=True) for zone in made.zones)
    return Register(zones, made.networks, tuple(replace(one, whatsapp=one.mobile) for one in made.members))


@pytest.fixture
def peer(nursery: trio.Nursery) -> GraphPeer:
    return GraphPeer(nursery)


def world_of(tmp_path: Path, clock: MockClock, peer: GraphPeer, **changes: Any) -> World:
    meta = Meta(name=CarrierName("meta"), channels=("whatsapp",), peer=peer)
    return World(tmp_path, clock, [FarEnd("a")], country(**changes), calls=None, more=(meta,))


async def hear(world: World, *told: dict[str, Any]) -> None:
    """Meta posts to the webhook."""
    receipts = tuple(parse_receipts(post(*told), PHONE_ID))
    await world.ask(PutReceipts(CarrierName("meta"), receipts), type(None), None)


def by(world: World, peer: GraphPeer) -> dict[Channel, int]:
    return {"whatsapp": len(peer.copies), "sms": len(world.copies)}


async def test_R13_residents_get_cold_messages_by_whatsapp_and_urgent_ones_never(
    tmp_path: Path, autojump_clock: MockClock, peer: GraphPeer
) -> None:
    world = world_of(tmp_path, autojump_clock, peer)
    async with world.running():
        await world.over((await world.send(**{"class": "warm"})).id)
        assert {"whatsapp": 0, "sms": 3} == by(world, peer)
        cold = await world.send(**{"class": "cold"})
        await world.until(lambda: len(peer.sent) == 3)
        await hear(world, *(status(ref, "read", mark) for ref, mark in peer.sent))
        assert 3 == (await world.over(cold.id)).reached
        assert {"whatsapp": 3, "sms": 3} == by(world, peer)


async def test_R10_crisis_never_goes_by_whatsapp(tmp_path: Path, autojump_clock: MockClock, peer: GraphPeer) -> None:
    """Not even where all of R13 holds, which lets a warm message go."""
    world = world_of(tmp_path, autojump_clock, peer, kind="business_park")
    async with world.running():
        await world.over((await world.send("crisis", **{"class": "crisis"})).id)
        assert {"whatsapp": 0, "sms": 3} == by(world, peer)
        warm = await world.send(**{"class": "warm"})
        await world.until(lambda: len(peer.copies) == 3)
        await world.act(warm.id, "cancel")


@pytest.mark.parametrize("text", ["Een\nTwee", "a\tb", "     ", "x" * 1025])
async def test_what_a_template_would_change_goes_by_the_next_channel(
    tmp_path: Path, autojump_clock: MockClock, peer: GraphPeer, text: str
) -> None:
    """The sender is told at once, and Meta sees nothing of it."""
    world = world_of(tmp_path, autojump_clock, peer)
    async with world.running():
        cold = await world.send(**{"class": "cold", "content": {"nl": {"text": text}}})
        assert "The text in nl does not go by whatsapp" in cold.warnings[0]
        assert 3 == (await world.over(cold.id)).reached
        assert {text} == {copy.text for copy in world.copies}
        assert {"whatsapp": 0, "sms": 3} == by(world, peer)


async def test_one_text_of_two_that_cannot_be_carried_is_refused_by_itself(
    tmp_path: Path, autojump_clock: MockClock, peer: GraphPeer
) -> None:
    world = world_of(tmp_path, autojump_clock, peer)
    async with world.running():
        content = {"nl": {"text": "a\nb"}, "fr": {"text": "oui"}}
        cold = await world.send(**{"class": "cold", "content": content})
        await world.over(cold.id)
        first, second = world.attempts(cold.id)
        assert ("whatsapp", "refused", "content line_end") == (first.channel, first.state, first.code)
        assert ("sms", "reached") == (second.channel, second.state)


async def test_a_message_whose_answer_was_lost_is_proved_by_our_mark(
    tmp_path: Path, autojump_clock: MockClock, peer: GraphPeer
) -> None:
    """Meta took it and hung up; its status names our key, and nobody gets a second one."""
    world = world_of(tmp_path, autojump_clock, peer, members=1)
    async with world.running():
        await peer.behave("cut")
        cold = await world.send(**{"class": "cold"})
        await world.until(lambda: len(peer.sent) == 1)
        await peer.behave("accept")
        await hear(world, status(*peer.sent[0][:1], "delivered", peer.sent[0][1]))
        end = await world.over(cold.id)
        assert (1, 0) == (end.reached, end.possible_duplicates)
        assert {"whatsapp": 1, "sms": 0} == by(world, peer)


async def test_the_mark_proves_it_after_a_restart_too(
    tmp_path: Path, autojump_clock: MockClock, peer: GraphPeer
) -> None:
    world = world_of(tmp_path, autojump_clock, peer, members=1)
    async with world.running():
        await peer.behave("silence")
        cold = await world.send(**{"class": "cold"})
        await world.until(lambda: len(peer.sent) == 1)
    await peer.behave("accept")
    async with world.running():
        await hear(world, status("w", "delivered", peer.sent[0][1]))
        assert 1 == (await world.over(cold.id)).reached
        assert {"whatsapp": 1, "sms": 0} == by(world, peer)


async def test_a_number_that_meta_does_not_know_gets_the_next_channel(
    tmp_path: Path, autojump_clock: MockClock, peer: GraphPeer
) -> None:
    world = world_of(tmp_path, autojump_clock, peer, members=2)
    peer.errors["+32470000000"] = 131026
    async with world.running():
        cold = await world.send(**{"class": "cold"})
        await world.until(lambda: len(peer.sent) == 1 and len(world.copies) == 1)
        await hear(world, status(peer.sent[0][0], "failed", code=131049))
        assert 2 == (await world.over(cold.id)).reached
        assert {"whatsapp": 1, "sms": 2} == by(world, peer)
