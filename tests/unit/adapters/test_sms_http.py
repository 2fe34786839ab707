"""The driver of HTTP gateways, beyond what every carrier promises (tests/contract/test_carriers.py)."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from tests.fakes.carrier_peers import GenericPeer
from tests.fakes.http_peer import Got, HttpPeer, response
from trio.testing import MockClock, wait_all_tasks_blocked

from klaroen.core.errors import CarrierDownError
from klaroen.core.model import CarrierName
from klaroen.core.ports import Accepted, Clock, Emit, Fault, Link, Receipt, Refused, Unknown, Unsent
from klaroen.settings import SmsHttp
from klaroen.testing import CarrierRig, TrioClock
from klaroen_adapters.http_carrier import HttpCarrier
from klaroen_adapters.sms import gateway
from klaroen_adapters.sms.sms_http import account_of, build
from klaroen_adapters.sms.sms_http import make as make_carrier

URL = "http://gateway.test/send"


def settings(*, batch_max: int = 10, requests_max: int = 2) -> SmsHttp:
    return SmsHttp(CarrierName("gateway"), ("sms",), url=URL, batch_max=batch_max, requests_max=requests_max)


def accept(got: Got) -> bytes:
    refs = [to["ref"] for to in json.loads(got.body)["to"]]
    return response(
        200, json.dumps({"items": [{"ref": ref, "id": None, "status": "accepted"} for ref in refs]}).encode()
    )


@asynccontextmanager
async def running(
    answer: Callable[[Got], Awaitable[bytes | None]], chosen: SmsHttp | None = None
) -> AsyncIterator[tuple[CarrierRig, HttpPeer]]:
    """A carrier that is up, at a gateway that answers so."""
    chosen = chosen or settings()
    async with trio.open_nursery() as nursery:
        peer = HttpPeer(nursery, answer=answer)

        def make(emit: Emit, clock: Clock) -> HttpCarrier:
            return make_carrier(chosen, gateway.Account(URL), emit, clock, peer.connect)

        rig = CarrierRig(make, GenericPeer(nursery), "sms")
        async with rig.running():
            yield rig, peer
        nursery.cancel_scope.cancel()


async def test_one_content_goes_in_batches_and_so_many_requests_at_once(autojump_clock: MockClock) -> None:
    """35 envelopes of one content: four requests of at most ten, two in flight at once."""
    at_once = at_once_max = 0

    async def answer(got: Got) -> bytes:
        nonlocal at_once, at_once_max
        at_once += 1
        at_once_max = max(at_once_max, at_once)
        await trio.sleep(0.1)
        at_once -= 1
        return accept(got)

    async with running(answer, settings(requests_max=2, batch_max=20)) as (rig, peer):
        envelopes = rig.envelopes(35)
        await rig.carrier.hand_over(envelopes[:15])
        await rig.carrier.hand_over(envelopes[15:])
        await rig.wait_answers(envelopes)
    assert [15, 20] == sorted(len(json.loads(got.body)["to"]) for got in peer.got)
    assert 2 == at_once_max


async def test_contents_do_not_mix(autojump_clock: MockClock) -> None:
    async def answer(got: Got) -> bytes:
        return accept(got)

    async with running(answer) as (rig, peer):
        dag, merci = rig.envelopes(3, "Dag"), rig.envelopes(3, "Merci")
        await rig.carrier.hand_over([envelope for pair in zip(dag, merci, strict=True) for envelope in pair])
        await rig.wait_answers(rig.offered)
    told = {message["text"]: [to["ref"] for to in message["to"]] for message in (json.loads(g.body) for g in peer.got)}
    assert {"Dag": [e.attempt for e in dag], "Merci": [e.attempt for e in merci]} == told


async def test_a_throttled_batch_is_unsent_with_the_time_that_was_asked(autojump_clock: MockClock) -> None:
    async def answer(got: Got) -> bytes:
        return response(429, retry_after="7")

    async with running(answer) as (rig, _):
        await rig.carrier.hand_over(rig.envelopes(3))
        assert [Unsent("http 429", 7.0, throttled=True)] * 3 == await rig.wait_answers(rig.offered)
        assert [True] == [event.up for event in rig.events if isinstance(event, Link)], "a throttle is no lost link"


async def test_a_text_that_cannot_be_carried_is_refused_beside_the_others(autojump_clock: MockClock) -> None:
    async def answer(got: Got) -> bytes:
        return accept(got)

    async with running(answer) as (rig, peer):
        await rig.carrier.hand_over([*rig.envelopes(1, "\ud83d"), *rig.envelopes(1)])
        assert [Refused("not encodable", "content"), Accepted()] == await rig.wait_answers(rig.offered)
        assert 1 == len(peer.got)


async def test_what_the_answer_says_of_strangers_is_counted(autojump_clock: MockClock) -> None:
    async def answer(got: Got) -> bytes:
        return response(200, b'{"items": [{"ref": "x", "id": null, "status": "accepted"}]}')

    async with running(answer) as (rig, _):
        await rig.carrier.hand_over(rig.envelopes(1))
        assert [Unknown("not in the answer")] == await rig.wait_answers(rig.offered)
        assert Fault("answer to no question", 1) in rig.events


async def test_what_no_worker_took_by_its_deadline_is_unsent(autojump_clock: MockClock) -> None:
    """The first two requests wait in vain and are unknown; the third was never written."""

    async def answer(got: Got) -> None:
        return None

    async with running(answer, settings(batch_max=2)) as (rig, peer):
        for _ in range(3):
            await rig.carrier.hand_over(rig.envelopes(1))
        assert [
            Unknown("no answer in time"),
            Unknown("no answer in time"),
            Unsent("deadline passed in the queue"),
        ] == await rig.wait_answers(rig.offered)
        assert 2 == len(peer.got)


async def test_draining_gives_back_what_no_worker_took(autojump_clock: MockClock) -> None:
    async def answer(got: Got) -> bytes:
        await trio.sleep(1)
        return accept(got)

    async with running(answer, settings(batch_max=2)) as (rig, peer):
        for _ in range(4):
            await rig.carrier.hand_over(rig.envelopes(1))
        await wait_all_tasks_blocked()
        await rig.carrier.drain(5)
        assert [Accepted(), Accepted(), Unsent("draining"), Unsent("draining")] == [
            rig.answers(envelope)[0] for envelope in rig.offered
        ]
        assert 2 == len(peer.got)


async def test_a_link_is_lost_by_a_failed_connection_and_probed_with_back_off(autojump_clock: MockClock) -> None:
    """0.5 s, doubling to 30 s; what is queued then is unsent at once; the first connection that opens ends it."""

    async def answer(got: Got) -> bytes:
        return response(200, connection="close")

    probes: list[float] = []
    async with running(answer, settings(batch_max=4, requests_max=1)) as (rig, peer):
        real = peer.connect

        async def connect(host: str, port: int) -> trio.abc.Stream:
            probes.append(trio.current_time())
            return await real(host, port)

        assert isinstance(rig.carrier, HttpCarrier)
        rig.carrier._link.connect = connect
        peer.away = True
        first, second = rig.envelopes(1), rig.envelopes(1)
        await rig.carrier.hand_over(first)
        await rig.carrier.hand_over(second)
        assert [Unsent("connect_error"), Unsent("down")] == await rig.wait_answers([*first, *second])
        lost_at = trio.current_time()
        with pytest.raises(CarrierDownError):
            await rig.carrier.hand_over(rig.envelopes(1))
        await trio.sleep(100)
        pauses = [round(b - a, 3) for a, b in zip([lost_at, *probes], probes, strict=False)]
        assert [0.5, 1, 2, 4, 8, 16, 30, 30] == pauses
        peer.away = False
        await rig.wait_link(up=True)
        links = [(event.up, event.window) for event in rig.events if isinstance(event, Link)]
        assert [(True, 4), (False, 4), (True, 4)] == links


async def test_any_http_answer_brings_a_link_up_again(autojump_clock: MockClock) -> None:
    """A request that was under way when another could not connect: its answer proves that somebody is there."""

    async def answer(got: Got) -> bytes:
        await trio.sleep(0.2)
        return accept(got)

    async with running(answer) as (rig, peer):
        await rig.carrier.hand_over(rig.envelopes(1))
        await wait_all_tasks_blocked()
        peer.away = True
        await rig.carrier.hand_over(rig.envelopes(1))
        await rig.wait_link(up=False)
        await rig.wait_link(up=True)
        assert trio.current_time() < 0.4, "by the answer, before any probe"
        await trio.sleep(1)
        assert 3 == sum(isinstance(event, Link) for event in rig.events)


async def test_more_than_the_window_is_our_own_fault(autojump_clock: MockClock) -> None:
    async def answer(got: Got) -> bytes:
        return accept(got)

    async with running(answer) as (rig, _):
        with pytest.raises(AssertionError, match="pace"):
            await rig.carrier.hand_over(rig.envelopes(21))


async def test_acknowledging_is_the_edges_matter(autojump_clock: MockClock) -> None:
    async def answer(got: Got) -> bytes:
        return accept(got)

    async with running(answer) as (rig, _):
        before = list(rig.events)
        rig.carrier.acknowledge([Receipt("reached", "x")], stored=True)
        assert before == rig.events


async def test_build_reads_the_secrets_less_their_last_line_end(tmp_path: Path) -> None:
    token, secret = tmp_path / "token", tmp_path / "secret"
    token.write_text("t0ken\r\n")
    secret.write_text("s3cret\n")
    chosen = SmsHttp(
        CarrierName("gateway"),
        ("sms",),
        url=URL,
        token_file=str(token),
        receipt_secret_file=str(secret),
        receipt_url="http://bin.test/r",
        sender="8810",
        user="klaroen",
    )

    async def emit(events: object) -> None:
        """Nobody listens."""

    assert isinstance(build(chosen, emit, TrioClock()), HttpCarrier)
    account = account_of(chosen)
    assert gateway.Account(URL, "8810", "t0ken", "klaroen", "http://bin.test/r", b"s3cret") == account
    assert account_of(settings()).token is None
