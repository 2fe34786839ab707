"""Kind `smtp` against Debian's Postfix, which queues, delivers, and reports what it cannot deliver."""

from pathlib import Path

import pytest
from tests.fakes.smtp_peer import text_of
from tests.wire.mail_peer import mails, rig, wait_mail, wait_open
from tests.wire.postfix_peer import THERE, postfix

from klaroen.core.model import AttemptId
from klaroen.core.ports import Accepted, Refused
from klaroen.testing import TEXTS
from klaroen_adapters.mail.mail_report import read_report

pytestmark = [pytest.mark.peer, pytest.mark.skipif(not THERE, reason="Postfix is not there, or we are not root")]
OPEN = {"user": None, "password_file": None}
"""It relays for whoever is on its machine."""


async def test_it_delivers_exactly_the_text(tmp_path: Path) -> None:
    """Over STARTTLS and several mails a connection."""
    text = "".join(TEXTS)
    with postfix(tmp_path) as (port, box):
        await wait_open(port)
        bench = rig(tmp_path, port, **OPEN)
        async with bench.running():
            offered = mails(bench, [f"m{index}@example.be" for index in range(10)], text)
            await bench.carrier.hand_over(offered)
            for outcome in await bench.wait_answers(offered):
                assert isinstance(outcome, Accepted), outcome
        for one in offered:
            assert text == text_of(await wait_mail(box, one.address, "Delivered-To"))


async def test_who_is_unknown_is_refused_or_bounces(tmp_path: Path) -> None:
    """At once where Postfix knows, and by a report (RFC 3464) to the address that names the attempt."""
    with postfix(tmp_path) as (port, box):
        await wait_open(port)
        bench = rig(tmp_path, port, **OPEN)
        async with bench.running():
            offered = mails(bench, ["nobody@example.be", "gone@example.be", "an@example.be"], "Dag")
            await bench.carrier.hand_over(offered)
            refused, gone, taken = await bench.wait_answers(offered)
        assert Refused("550 5.1.1", "address") == refused
        assert isinstance(gone, Accepted)
        assert isinstance(taken, Accepted)
        for envelope, state in ((offered[1], "failed"), (offered[2], "network")):
            report = await wait_mail(box, f"terug+{envelope.attempt}@politie.example", "Delivered-To")
            told = read_report(report, mailbox=False)
            assert [(state, AttemptId(envelope.attempt))] == [(one.state, one.ref) for one in told]
