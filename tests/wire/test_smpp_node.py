"""Our SMPP against node-smpp as the SMSC: it reads what we write, and we read what it writes."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from tests.unit.sms import smpp_kit as kit
from tests.wire.smpp_peer import WAIT_S, NodeSmsc, Recording, needs_node_smpp, node_smsc

from klaroen.core.model import AttemptId, Content, Instant
from klaroen.core.ports import Accepted, Answer, Envelope, Event, Link, Receipt, Refused
from klaroen.settings import SmppProfile
from klaroen.testing.rig import TrioClock
from klaroen_adapters.sms.smpp import SmppCarrier

pytestmark = [pytest.mark.peer, needs_node_smpp]

TEXTS = [
    "Inbraak bezig in de Kerkstraat. Bel 101.",
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./:;<=>?¡ÄÖÑÜ§¿äöñüà^{}\\[~]|€",
    "Opgepast: België, zoveel als à ë ï ê â ç î ô û È – … ’ kan 👮 dragen.",
    "Inbraak {bezig} " * 40,
    "België 👮 " * 40,
]


class World:
    def __init__(self, carrier: SmppCarrier, smsc: NodeSmsc, said: list[Event]) -> None:
        self.carrier, self.smsc, self.said = carrier, smsc, said
        self._count = 0

    async def send(self, text: str, to: str) -> AttemptId:
        self._count += 1
        now = TrioClock().now()
        content = Content("sms", "nl", "warm", text, "", Instant(now + 1_800_000))
        attempt = AttemptId(f"attempt{self._count}")
        await self.carrier.hand_over([Envelope(attempt, to, content, Instant(now + 60_000), 0x1000 + self._count)])
        return attempt

    async def wait(self, kind: type[Event], count: int = 1) -> list[Event]:
        """Return the first events of that kind."""
        with trio.fail_after(WAIT_S):
            while len(found := [event for event in self.said if isinstance(event, kind)]) < count:  # noqa: ASYNC110
                await trio.sleep(0.005)
        return found


@asynccontextmanager
async def world(
    tmp_path: Path, profile: SmppProfile | None = None, password: str = "longer than eight octets"
) -> AsyncIterator[World]:
    file = tmp_path / "password"
    file.write_text(password)
    said: list[Event] = []

    async def emit(events: Sequence[Event]) -> None:
        await trio.lowlevel.checkpoint()
        said.extend(events)

    async with node_smsc() as smsc, trio.open_nursery() as nursery:
        settings = kit.settings(str(file), profile, window=200, host="127.0.0.1", port=smsc.port, source="BE-Alert")
        carrier = SmppCarrier(settings, emit, TrioClock(), Recording())
        it = World(carrier, smsc, said)
        nursery.start_soon(carrier.run)
        await it.wait(Link, 2)
        yield it
        nursery.cancel_scope.cancel()


def joined(parts: list[dict[str, str]]) -> str:
    return "".join(part["message"] for part in parts)


@pytest.mark.parametrize("text", TEXTS, ids=["plain", "table", "ucs2", "long", "long_ucs2"])
@pytest.mark.parametrize("alphabets", [{"gsm7": 0, "ucs2": 8}, {"latin1": 3, "ucs2": 8}], ids=["gsm7", "latin1"])
async def test_node_smpp_reads_every_text_exactly(tmp_path: Path, text: str, alphabets: dict[str, int]) -> None:
    """GSM 03.38 with its extension table, Latin-1, UCS-2; one part or many."""
    async with world(tmp_path, SmppProfile(alphabets=alphabets)) as it:  # type: ignore[arg-type]
        await it.send(text, "+32470000000")
        (answer,) = await it.wait(Answer)
        assert isinstance(answer, Answer)
        assert isinstance(answer.outcome, Accepted)
        parts = [await it.smsc.next_submission() for _ in answer.outcome.refs]
        assert text == joined(parts)
        assert [[5, 0, "BE-Alert"]] * len(parts) == [part["source"] for part in parts]
        assert [[1, 1, "32470000000"]] * len(parts) == [part["destination"] for part in parts]
        assert {0x1001} == {part["reference"] for part in parts}
        if len(parts) > 1:
            headers = [bytes.fromhex(part["udh"][0]) for part in parts]
            assert [(len(parts), index) for index in range(1, len(parts) + 1)] == [
                (each[-2], each[-1]) for each in headers
            ]
            assert 1 == len({each[:-1] for each in headers}), "one reference for all"


async def test_node_smpp_reads_sar_and_payload(tmp_path: Path) -> None:
    """The two other ways of long messages."""
    async with world(tmp_path, SmppProfile(long_message="sar")) as it:
        await it.send("a" * 200, "+32470000001")
        parts = [await it.smsc.next_submission() for _ in range(2)]
        assert "a" * 200 == joined(parts)
        assert [[2, 1], [2, 2]] == [part["sar"][1:] for part in parts]
    async with world(tmp_path, SmppProfile(long_message="payload")) as it:
        await it.send("België " * 60, "+32470000001")
        assert "België " * 60 == (await it.smsc.next_submission())["payload"]


@pytest.mark.parametrize("fate", range(6))
async def test_receipts_in_every_form_that_node_smpp_writes(tmp_path: Path, fate: int) -> None:
    """Text (before its response), options, UCS-2, message_payload, data_sm, and our own reference."""
    async with world(tmp_path) as it:
        await it.send("Hoi", f"+3247000000{fate}")
        (answer,), (receipt,) = await it.wait(Answer), await it.wait(Receipt)
        assert isinstance(answer, Answer)
        assert isinstance(receipt, Receipt)
        assert Accepted(("m1",)) == answer.outcome
        assert ("reached", f"+3247000000{fate}") == (receipt.state, receipt.address)
        assert (None, 0x1001) == (receipt.ref, receipt.reference) if fate == 5 else receipt.ref == "m1"
        it.carrier.acknowledge([receipt], stored=fate != 3)
        assert {
            "answered": "data_sm_resp" if fate == 4 else "deliver_sm_resp",
            "status": 0x14 if fate == 3 else 0,
        } == await it.smsc.next_answer()


async def test_a_refusal(tmp_path: Path) -> None:
    """node-smpp's error response."""
    async with world(tmp_path) as it:
        await it.send("Hoi", "+32470000009")
        (answer,) = await it.wait(Answer)
        assert isinstance(answer, Answer)
        assert Refused("0x000B", "address") == answer.outcome


async def test_a_wrong_password(tmp_path: Path) -> None:
    """Refused, and said."""
    async with world(tmp_path, password="wrong") as it:
        assert Link(up=False, window=0, words="bind refused: the password is refused") == (await it.wait(Link, 2))[1]


async def test_many_in_one_write(tmp_path: Path) -> None:
    """Two hundred submissions in one piece, each answered, each proved, each acknowledged."""
    async with world(tmp_path) as it:
        now = TrioClock().now()
        of = Content("sms", "nl", "warm", "Hoi", "", Instant(now + 60_000))
        envelopes = kit.envelopes(200, of, deadline_at=now + 60_000)
        tens = [
            Envelope(each.attempt, each.address[:-1] + "1", of, each.deadline_at, each.reference) for each in envelopes
        ]
        await it.carrier.hand_over(tens)
        answers = await it.wait(Answer, 200)
        receipts = [event for event in await it.wait(Receipt, 200) if isinstance(event, Receipt)]
        assert {each.attempt for each in tens} == {event.attempt for event in answers if isinstance(event, Answer)}
        assert {f"m{number}" for number in range(1, 201)} == {receipt.ref for receipt in receipts}
        it.carrier.acknowledge(receipts, stored=True)
        assert [0] * 200 == [(await it.smsc.next_answer())["status"] for _ in receipts]
