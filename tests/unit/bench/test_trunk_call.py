"""The life of a call as its callee has it, over a clock moved by hand: what is said, when, and what is booked."""

import heapq
from collections import Counter
from collections.abc import Callable, Iterator

import msgspec
import pytest
from tests.fakes.sip_caller import OFFER, Said, read, request

from klaroen_bench.carriers.burst import Burst
from klaroen_bench.carriers.call import Call, Record
from klaroen_bench.carriers.callfate import CallFate
from klaroen_bench.carriers.ear import Lateness
from klaroen_bench.carriers.sip import Request, read_message
from klaroen_bench.carriers.sounds import Sounds
from klaroen_bench.carriers.talk import SILENCE_S, TALK_S_MAX

ANSWERS = CallFate("answer", 0, 0, True, 0.02, 2.0, "", 0.0, 0.0, False, False)


class Exchange:
    """A trunk with one call, and its path."""

    host = "127.0.0.1"
    contact = "sip:trunk@127.0.0.1:5060"
    source = ("127.0.0.1", 5061)
    reliable = False

    def __init__(self) -> None:
        self.now = 100.0
        self.slow = 1.0
        self.counts: Counter[str] = Counter()
        self.states: Counter[str] = Counter()
        self.sounds = Sounds(lambda *_: None)
        self.lateness = Lateness()
        self.burst = Burst()
        self.said: list[tuple[float, Said]] = []
        self.booked: list[Record] = []
        self.withheld: list[Call] | None = None
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._due, (self.now + seconds, self._count, act))

    def move(self, seconds: float) -> None:
        end = self.now + seconds
        while self._due and self._due[0][0] <= end:
            self.now, _, act = heapq.heappop(self._due)
            act()
        self.now = end

    def send(self, raw: bytes) -> None:
        self.said.append((round(self.now - 100.0, 2), read(raw)))

    def send_bye(self, call: Call, raw: bytes) -> None:
        self.send(raw)

    def withholds(self, call: Call) -> bool:
        if self.withheld is not None:
            self.withheld.append(call)
        return self.withheld is not None

    def book(self, call: Call, record: bytes) -> None:
        self.booked.append(msgspec.json.decode(record, type=Record))

    def take(self) -> list[tuple[float, int | str]]:
        """Return when what was said since the last look."""
        said, self.said = self.said, []
        return [(at, one.status or one.first.split()[0]) for at, one in said]


@pytest.fixture
def exchange() -> Iterator[Exchange]:
    exchange = Exchange()
    calls: list[Call] = []
    exchange.calls = calls
    yield exchange
    for call in calls:
        call.drop("the test is over")


def invited(**fields) -> Request:
    message = read_message(request("INVITE", "32470000001", **{"body": OFFER.format(port=4000)} | fields))
    assert isinstance(message, Request)
    return message


def begin(exchange: Exchange, fate: CallFate = ANSWERS, **fields) -> Call:
    call = Call(exchange, exchange, invited(**fields), b"32470000001", fate)
    exchange.calls.append(call)
    call.begin()
    return call


def changed(**fields) -> CallFate:
    return msgspec.structs.replace(ANSWERS, **fields)


def end_of(exchange: Exchange) -> tuple[str, str, int]:
    (record,) = exchange.booked
    return record.end, record.by, record.status


# --- before the answer -----------------------------------------------------------------------------------------------


def test_a_call_rings_and_is_answered_until_that_is_acknowledged(exchange: Exchange) -> None:
    call = begin(exchange)
    exchange.move(4.0)
    assert [(0.0, 100), (0.02, 180), (2.02, 200), (2.52, 200), (3.52, 200)] == exchange.take()
    call.acknowledge()
    exchange.move(10.0)
    assert [] == exchange.take()
    call.bye()
    call.bye()
    assert ("caller hung up", "caller", 200) == end_of(exchange)
    (record,) = exchange.booked
    assert ("+3225550101", 0, True) == (record.caller, record.heard, record.kept)
    assert 0 < record.invited_at <= record.rang_at <= record.answered_at <= record.ended_at
    assert Counter(over=1) == +exchange.states


@pytest.mark.parametrize(
    ("fate", "said", "end"),
    [
        (changed(end="busy", status=486, rings=False), [100, 486], ("busy", "callee", 486)),
        (changed(end="busy", status=600), [100, 180, 600], ("busy", "callee", 600)),
        (changed(end="rejected", status=603), [100, 180, 603], ("rejected", "callee", 603)),
        (changed(end="no answer", status=480), [100, 180, 480], ("no answer", "callee", 480)),
        (changed(end="number invalid", status=404, rings=False), [100, 404], ("number invalid", "trunk", 404)),
        (changed(fault=503), [100, 503], ("fault", "trunk", 503)),
        (changed(fault=500), [100, 500], ("fault", "trunk", 500)),
    ],
)
def test_a_call_that_fails_says_how_until_that_is_acknowledged(exchange: Exchange, fate, said, end) -> None:
    call = begin(exchange, fate)
    exchange.move(3.0)
    answers = exchange.take()
    assert said + [said[-1]] * (len(answers) - len(said)) == [status for _, status in answers]
    assert len(answers) > len(said)
    call.acknowledge()
    exchange.move(60.0)
    assert [] == exchange.take()
    assert end == end_of(exchange)


def test_a_fault_says_when_to_come_again(exchange: Exchange) -> None:
    begin(exchange, changed(fault=503))
    exchange.move(0.1)
    assert "1" == exchange.said[-1][1].headers["Retry-After"]


def test_who_lets_it_ring_is_given_up_by_the_caller(exchange: Exchange) -> None:
    call = begin(exchange, changed(end="no answer"))
    exchange.move(30.0)
    assert [(0.0, 100), (0.02, 180)] == exchange.take()
    call.cancel()
    call.acknowledge()
    call.cancel()
    assert [(30.0, 487)] == exchange.take()
    assert ("cancelled", "caller", 487) == end_of(exchange)


def test_who_lets_it_ring_for_ever_is_no_answer_in_the_end(exchange: Exchange) -> None:
    begin(exchange, changed(end="no answer"))
    exchange.move(400.0)
    assert ("no answer", "trunk", 480) == end_of(exchange)


def test_a_call_that_is_cancelled_at_once_never_rings(exchange: Exchange) -> None:
    call = begin(exchange)
    call.cancel()
    call.acknowledge()
    exchange.move(10.0)
    assert [(0.0, 100), (0.0, 487)] == exchange.take()


def test_a_caller_without_our_codec_is_not_acceptable(exchange: Exchange) -> None:
    begin(exchange, body="v=0\r\n")
    assert ("no audio that we speak", "trunk", 488) == end_of(exchange)


def test_answers_come_twice_where_they_are_repeated(exchange: Exchange) -> None:
    call = begin(exchange, changed(repeated=True))
    exchange.move(2.1)
    call.acknowledge()
    assert [100, 180, 180, 200, 200] == [status for _, status in exchange.take()]


def test_nobody_decides_while_it_is_withheld(exchange: Exchange) -> None:
    exchange.withheld = []
    begin(exchange)
    exchange.move(20.0)
    assert [100, 180] == [status for _, status in exchange.take()]
    (call,), exchange.withheld = exchange.withheld, None
    call.decide()
    assert [(20.0, 200)] == exchange.take()


def test_everything_takes_longer_in_a_brownout(exchange: Exchange) -> None:
    exchange.slow = 3.0
    begin(exchange)
    exchange.move(6.1)
    assert [(0.0, 100), (0.06, 180), (6.06, 200)] == exchange.take()


# --- talking ---------------------------------------------------------------------------------------------------------


def talk(exchange: Exchange, fate: CallFate = ANSWERS) -> Call:
    call = begin(exchange, fate)
    exchange.move(2.1)
    call.acknowledge()
    exchange.take()
    return call


def test_who_hangs_up_says_so_until_that_is_answered(exchange: Exchange) -> None:
    call = talk(exchange, changed(hang_up_s=3.0))
    exchange.move(4.6)
    assert [(5.1, "BYE"), (5.6, "BYE"), (6.6, "BYE")] == exchange.take()
    call.bye_answered()
    exchange.move(60.0)
    assert [] == exchange.take()
    assert ("hung up", "callee", 200) == end_of(exchange)


def test_a_caller_who_is_gone_is_hung_up_on(exchange: Exchange) -> None:
    """Silence for too long; and its BYE is repeated no longer than 32 s."""
    talk(exchange)
    exchange.move(SILENCE_S + 1.0)
    assert ("silence", "trunk", 200) == end_of(exchange)
    exchange.move(60.0)
    assert 11 == len(exchange.take())


def test_a_caller_who_never_acknowledges_is_hung_up_on(exchange: Exchange) -> None:
    call = begin(exchange)
    exchange.move(40.0)
    assert "BYE" == exchange.take()[-1][1]
    assert ("not acknowledged", "trunk", 200) == end_of(exchange)
    assert "over" == call.state


def test_a_refusal_that_nobody_acknowledges_is_forgotten(exchange: Exchange) -> None:
    call = begin(exchange, changed(end="busy", status=486, rings=False))
    exchange.move(60.0)
    assert "over" == call.state
    assert 12 == len(exchange.take())


def test_a_talk_has_an_end(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("klaroen_bench.carriers.ear.Ear.listen", lambda *_: 1)
    talk(exchange)
    exchange.move(TALK_S_MAX + 2.0)
    assert ("too long", "trunk", 200) == end_of(exchange)


def test_an_invitation_that_comes_again_is_answered_as_before(exchange: Exchange) -> None:
    call = talk(exchange)
    call.invited_again(invited())
    assert [200] == [status for _, status in exchange.take()]


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"branch": "z9hG4bK2"}, 482),
        ({"branch": "z9hG4bK2", "to_tag": "ours", "body": ""}, 200),
        ({"branch": "z9hG4bK2", "to_tag": "ours"}, 200),
        ({"branch": "z9hG4bK2", "to_tag": "ours", "body": "v=0\r\n"}, 488),
    ],
)
def test_an_invitation_within_a_call_keeps_its_audio_or_is_refused(exchange: Exchange, fields, status: int) -> None:
    """RFC 3261, 8.2.2.2 and 14.2."""
    call = talk(exchange)
    call.invited_again(invited(**fields))
    assert [status] == [said for _, said in exchange.take()]


def test_within_a_call_that_is_over_nobody_is_invited(exchange: Exchange) -> None:
    call = talk(exchange)
    call.bye()
    call.invited_again(invited(branch="z9hG4bK2", to_tag="ours"))
    assert [481] == [status for _, status in exchange.take()]


def test_a_trunk_that_is_gone_books_what_was_up(exchange: Exchange) -> None:
    ringing, up = begin(exchange), talk(exchange)
    ringing.drop("trunk gone")
    up.drop("trunk gone")
    up.drop("trunk gone")
    assert [("trunk gone", "trunk")] * 2 == [(one.end, one.by) for one in exchange.booked]


def test_over_a_connection_only_an_answer_is_repeated(exchange: Exchange) -> None:
    """RFC 3261, 13.3.1.4 and 17.2.1: TCP loses nothing, but a proxy between might."""
    exchange.reliable = True
    begin(exchange, changed(end="busy", status=486, rings=False))
    exchange.move(10.0)
    assert [100, 486] == [status for _, status in exchange.take()]
    call = talk(exchange, changed(hang_up_s=1.0))
    exchange.move(10.0)
    assert ["BYE"] == [said for _, said in exchange.take()]
    assert call.state == "over"
