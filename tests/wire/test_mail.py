"""Kind `smtp` against real mail servers: aiosmtpd, and Debian's Exim, which queues and reports."""

from email import policy
from email.parser import BytesParser
from pathlib import Path

import dkim
import pytest
import trio
from tests.fakes.smtp_peer import text_of
from tests.unit.mail.test_mail_dkim import KEY, PUBLIC, pem
from tests.wire.mail_peer import EXIM, aiosmtpd, exim, mails, rig, wait_mail, wait_open

from klaroen.core.model import AttemptId
from klaroen.core.ports import Accepted, Link, Refused, Unsent
from klaroen.testing import TEXTS
from klaroen_adapters.mail.mail_report import read_report

pytestmark = pytest.mark.peer
needs_exim = pytest.mark.skipif(EXIM is None, reason="Exim is not installed")


@pytest.mark.parametrize("text", [*TEXTS, "\r\n.\r\n", " e\u0301\r\u2028\u202e 10.000\u00a0€\n" * 40])
async def test_aiosmtpd_gets_exactly_the_text(text: str, tmp_path: Path) -> None:
    """Over STARTTLS, authenticated, one recipient a mail (R7); no octet of the text is changed."""
    with aiosmtpd(tmp_path) as (port, keeper):
        bench = rig(tmp_path, port)
        async with bench.running():
            offered = mails(bench, ["an@example.be", "bo@example.be", "zoë@example.be"], text, "Zoë – dag")
            await bench.carrier.hand_over(offered)
            assert [Accepted((one.attempt,)) for one in offered] == await bench.wait_answers(offered)
        assert [[one.address] for one in offered] == sorted(to for _, to, _ in keeper.taken)
        for path, (address,), octets in keeper.taken:
            (envelope,) = [one for one in offered if one.address == address]
            assert (text, f"terug+{envelope.attempt}@politie.example") == (text_of(octets), path)
            assert "Zoë – dag" == BytesParser(policy=policy.default).parsebytes(octets)["subject"]
        assert all(keeper.extensions), "in the open, or without a password"


async def test_a_refused_recipient_is_one_mails_trouble(tmp_path: Path) -> None:
    with aiosmtpd(tmp_path) as (port, keeper):
        bench = rig(tmp_path, port, connections=1)
        async with bench.running():
            offered = mails(bench, ["an@example.be", "nobody@example.be", "bo@example.be"], "Dag")
            await bench.carrier.hand_over(offered)
            _, refused, taken = await bench.wait_answers(offered)
            assert Refused("550 5.1.1", "address") == refused
            assert isinstance(taken, Accepted)
        assert [["an@example.be"], ["bo@example.be"]] == [to for _, to, _ in keeper.taken]


async def test_a_password_that_is_wrong_and_a_certificate_that_is_strange(tmp_path: Path) -> None:
    """Neither is ever up, each says why, and nothing was said to a stranger."""
    with aiosmtpd(tmp_path) as (port, _):
        for changes, words in (
            ({"user": "somebody"}, "AUTH answered by 535 5.7.8"),
            ({"tls_ca": None}, "TLS failed: self-signed certificate"),
        ):
            bench = rig(tmp_path, port, connections=1, **changes)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(bench.carrier.run)
                with trio.fail_after(10):
                    while (link := bench.link()) is None or link.words == "connecting":  # noqa: ASYNC110
                        await trio.sleep(0.01)
                assert Link(False, 0, words) == link
                nursery.cancel_scope.cancel()


@needs_exim
async def test_exim_queues_and_delivers_exactly_the_text(tmp_path: Path) -> None:
    """Thirty mails over connections of ten: each ends where its limit is, and the next one follows."""
    text = "".join(TEXTS)
    with exim(tmp_path) as (port, delivered):
        await wait_open(port)
        bench = rig(tmp_path, port, mails_per_connection=10)
        async with bench.running():
            offered = mails(bench, [f"m{index}@example.be" for index in range(30)], text)
            for start in range(0, 30, 10):
                await bench.carrier.hand_over(offered[start : start + 10])
                for outcome in await bench.wait_answers(offered[start : start + 10]):
                    assert isinstance(outcome, Accepted), outcome
            assert [True] == [event.up for event in bench.events if isinstance(event, Link)][1:]
        for index in range(30):
            assert text == text_of(await wait_mail(delivered, f"m{index}@example.be"))


@needs_exim
async def test_exims_refusals_are_outcomes(tmp_path: Path) -> None:
    with exim(tmp_path) as (port, _):
        await wait_open(port)
        bench = rig(tmp_path, port)
        async with bench.running():
            offered = mails(bench, ["nobody@example.be", "later@example.be", "an@example.be"], "Dag")
            await bench.carrier.hand_over(offered)
            refused, unsent, taken = await bench.wait_answers(offered)
        assert Refused("550 5.1.1", "address") == refused
        assert Unsent("smtp 451 4.2.0") == unsent
        assert isinstance(taken, Accepted)


@needs_exim
async def test_exims_reports_are_receipts(tmp_path: Path) -> None:
    """A bounce and the word of a delivery come back to an address that names the attempt, and prove what they say."""
    with exim(tmp_path) as (port, delivered):
        await wait_open(port)
        bench = rig(tmp_path, port)
        async with bench.running():
            offered = mails(bench, ["gone@example.be", "an@example.be"], "Dag")
            await bench.carrier.hand_over(offered)
            for outcome in await bench.wait_answers(offered):
                assert isinstance(outcome, Accepted), outcome
        for envelope, receipt in zip(offered, ("failed", "network"), strict=True):
            report = await wait_mail(delivered, f"terug+{envelope.attempt}@politie.example")
            told = read_report(report, mailbox=False)
            assert [(receipt, AttemptId(envelope.attempt))] == [(one.state, one.ref) for one in told]


@needs_exim
async def test_a_signature_is_whole_behind_exim(tmp_path: Path) -> None:
    """What arrives, with the relay's own lines before it, is verified by another reader of RFC 6376 (dkimpy)."""
    key = tmp_path / "dkim.pem"
    key.write_bytes(pem(KEY))
    with exim(tmp_path) as (port, delivered):
        await wait_open(port)
        bench = rig(tmp_path, port, dkim_selector="bin2026", dkim_key_file=str(key))
        async with bench.running():
            offered = mails(bench, ["an@example.be"], "".join(TEXTS), "Zoë – dag")
            await bench.carrier.hand_over(offered)
            assert [Accepted((offered[0].attempt,))] == await bench.wait_answers(offered)
        octets = (await wait_mail(delivered, "an@example.be")).replace(b"\n", b"\r\n")
    assert octets.index(b"Received:") < octets.index(b"DKIM-Signature:")
    assert dkim.verify(octets, dnsfunc=published)
    assert not dkim.verify(octets.replace(b"an@example.be", b"bo@example.be"), dnsfunc=published)


def published(_name: bytes, **_: object) -> bytes:
    return b"v=DKIM1; k=rsa; p=" + PUBLIC
