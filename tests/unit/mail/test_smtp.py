"""The driver of kind `smtp`: its connections, in virtual time, beyond what the kit asks of every carrier."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import trio
from tests.fakes.smtp_peer import SmtpPeer
from trio.testing import MockClock

from klaroen.core.model import CarrierName
from klaroen.core.ports import Accepted, Clock, Emit, Link, Refused, Unsent
from klaroen.setting_mail import Smtp
from klaroen.testing import CarrierRig
from klaroen_adapters.mail.smtp import SmtpCarrier, terms_of
from klaroen_adapters.mail.smtp_session import TOO_SLOW


def rig(nursery: trio.Nursery, **changes: Any) -> tuple[CarrierRig, SmtpPeer]:
    peer = SmtpPeer(nursery)
    given = {"host": "relay.test", "tls": "none", "sender": "bin@politie.example", "connections": 1} | changes
    settings = Smtp(name=CarrierName("mail"), channels=("email",), **given)

    def make(emit: Emit, clock: Clock) -> SmtpCarrier:
        return SmtpCarrier(settings, terms_of(settings), emit, clock, peer.connect)

    return CarrierRig(make, peer, "email"), peer


async def until(holds: Callable[[], bool]) -> None:
    with trio.fail_after(60):
        while not holds():  # noqa: ASYNC110 - virtual time costs nothing
            await trio.sleep(0.01)


async def test_it_says_hello_by_the_senders_host(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    """A name in full, which no resolver is asked for."""
    bench, peer = rig(nursery)
    async with bench.running():
        assert ["EHLO politie.example"] == peer.commands


async def test_a_window_of_mails_goes_over_one_connection(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    """Eight may wait for each; all are answered, in their order, one recipient a mail."""
    bench, peer = rig(nursery)
    async with bench.running():
        link = bench.link()
        assert link is not None
        offered = bench.envelopes(link.window)
        await bench.carrier.hand_over(offered)
        assert {Accepted} == {type(one) for one in await bench.wait_answers(offered)}
        assert [one.address for one in offered] == [copy.address for copy in peer.copies]
        assert 1 == peer.sessions


async def test_connections_that_have_served_are_renewed_without_a_word(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """The link stays up while the next one opens, and what waits is kept for it."""
    bench, peer = rig(nursery, mails_per_connection=2)
    async with bench.running():
        offered = bench.envelopes(7)
        await bench.carrier.hand_over(offered)
        assert {Accepted} == {type(one) for one in await bench.wait_answers(offered)}
        await until(lambda: peer.sessions == 4)
        assert [True] == [event.up for event in bench.events if isinstance(event, Link)][1:]
        assert 3 == peer.commands.count("QUIT")


async def test_a_relay_that_does_not_come_back_is_down(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    """What waited for the next connection is unsent, not kept for ever."""
    bench, peer = rig(nursery, mails_per_connection=1)
    async with bench.running():
        connect = peer.connect
        peer.manner = "away"  # for the next connection; the one that stands goes on
        offered = bench.envelopes(3)
        await bench.carrier.hand_over(offered)
        first, *others = await bench.wait_answers(offered)
        assert isinstance(first, Accepted)
        assert {Unsent} == {type(one) for one in others}
        await bench.wait_link(up=False)
        peer.manner = "accept"
        await bench.wait_link(up=True)
        assert connect == peer.connect


async def test_a_slow_relay_is_offered_less(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    """What waited beyond its deadline is handed back as if the relay had asked for less."""
    bench, peer = rig(nursery)
    async with bench.running():
        await peer.behave("silence")
        offered = bench.envelopes(5)
        await bench.carrier.hand_over(offered)
        outcomes = await bench.wait_answers(offered)
        assert outcomes.count(TOO_SLOW) >= 3


async def test_an_address_that_no_command_can_carry_is_refused(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """Nothing of it is written: a line break in it would be a command."""
    from msgspec.structs import replace

    bench, peer = rig(nursery)
    async with bench.running():
        (envelope,) = bench.envelopes(1)
        evil = replace(envelope, address="an@example.be>\r\nRCPT TO:<x@y.example")
        await bench.carrier.hand_over([evil])
        assert [Refused("no address", "address")] == await bench.wait_answers([evil])
        assert not any("x@y" in line for line in peer.commands)


async def test_a_wrong_password_waits_long_before_it_is_tried_again(
    nursery: trio.Nursery, autojump_clock: MockClock, tmp_path: Path
) -> None:
    """Relays lock accounts that insist; one that knows no mechanism of ours is tried again with back-off."""
    secret = tmp_path / "password"
    secret.write_text("hush\n")
    for manner, extensions, tries in (("refuse", "AUTH PLAIN", (1, 1)), ("accept", "AUTH CRAM-MD5", (3, 10))):
        bench, peer = rig(nursery, tls="implicit", user="klaroen", password_file=str(secret))
        peer.manner, peer.extensions = manner, [extensions]  # type: ignore[assignment]
        async with trio.open_nursery() as inner:
            inner.start_soon(bench.carrier.run)
            await trio.sleep(60)
            link = bench.link()
            assert link is not None
            assert "AUTH" in link.words
            assert tries[0] <= peer.sessions <= tries[1]
            if manner == "refuse":
                peer.manner = "accept"
                await trio.sleep(300)
                link = bench.link()
                assert link is not None
                assert link.up
            inner.cancel_scope.cancel()
