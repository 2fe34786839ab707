"""How calls stand reaches their carrier through dispatch: after the receipts are durable, and not without them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.simulation.world import World, network, register
from trio.testing import MockClock

from klaroen.core import calls
from klaroen.core.errors import InputError
from klaroen.core.model import AttemptId, CarrierName, Instant
from klaroen.core.ports import Call, Receipt
from klaroen.dispatch.station import Station
from klaroen.settings import Twilio
from klaroen.testing.far_end import FarEnd

CALL = Call(AttemptId("a1"), "ended", 12.0)


async def test_a_carrier_hears_of_its_calls_once_their_receipts_are_durable(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """A disk that cannot write keeps both back; a carrier that has no ear for calls is not troubled."""
    world = World(tmp_path, autojump_clock, [FarEnd("one")], register([network(1)], 2))
    async with world.running():
        carrier: Any = world.desk.stations[CarrierName("one")].carrier
        told = calls.PutReceipts(CarrierName("one"), (Receipt("failed", "busy", attempt=AttemptId("a1")),), (CALL,))
        await world.ask(told, type(None), None)
        heard: list[tuple[int, Sequence[Call]]] = []

        async def hear(those: Sequence[Call]) -> None:
            heard.append((world.commits, those))

        carrier.hear = hear
        before = world.commits
        await world.ask(told, type(None), None)
        [(commits, those)] = heard
        assert (CALL,) == those
        assert commits > before
        await world.ask(calls.PutReceipts(CarrierName("one"), (), (CALL,)), type(None), None)
        assert 2 == len(heard)
        world.disk_full = True
        with pytest.raises(InputError):
            await world.ask(told, type(None), None)
        assert 2 == len(heard)
        world.disk_full = False


@pytest.mark.parametrize(("channels", "rate_per_s", "lines"), [(("voice", "tts"), 2.0, 50), (("sms",), 30.0, 50)])
def test_a_cloud_account_has_a_rate_for_calls_and_one_for_texts(
    channels: tuple[Any, ...], rate_per_s: float, lines: int
) -> None:
    """And one receipt for a text, however many parts it has."""
    settings = Twilio(
        name=CarrierName("c"),
        channels=channels,
        account="AC1",
        token_file="/nowhere",
        calls_per_s=2.0,
        rate_per_s=30.0,
        lines=50,
    )
    station = Station(settings, None, drill=False, now=Instant(0))  # type: ignore[arg-type]
    assert (rate_per_s, lines, "first") == (station.pace.rate_per_s, station.pace.lines, station.rule)
