"""The zone's sentence to who wrote back, once an alert (R17); an alert of its own, with `origin: reply`.

Law: those who are owed an answer to the same alert, of the same zone, in the same language and by the same channel get
one alert together, so that a flood of replies is a few alerts. What was owed and its answer go in one commit.
"""

from array import array
from collections import defaultdict
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Final, NamedTuple

import trio

from klaroen.core import audit
from klaroen.core.audience import Audience, Kind, Layout, Tongue
from klaroen.core.errors import StoreUnavailableError
from klaroen.core.expand import Planner
from klaroen.core.ids import alert_id
from klaroen.core.model import Alert, AlertId, Channel, Instant, Language, Mode, NetworkId, Text, Window, ZoneId
from klaroen.core.plan import ADDRESSES_OF, CompiledPlan, address_mask, compile_hours
from klaroen.core.records import IdempotencyKey
from klaroen.core.replies import ANSWER_LIFE_S, Owed
from klaroen.core.sentences import answer_of
from klaroen.dispatch.accept import begin
from klaroen.dispatch.desk import Desk

SENDER: Final = "replies"
"""The token whose alerts they are, which nobody holds."""
GATHER_S: Final = 2.0
"""For so long replies gather before they are answered together."""
AT_ONCE: Final = 1_000
RETRY_S: Final = 0.5


class Letter(NamedTuple):
    """What answers have in common."""

    alert: AlertId
    zone: ZoneId
    language: Language
    channel: Channel


async def answer_forever(desk: Desk) -> None:
    """Answer what is owed, from before a restart too."""
    while True:
        try:
            while owed := desk.store.replies.owed(AT_ONCE):
                for letter, some in _letters(desk, owed).items():
                    await _answer(desk, letter, some)
        except StoreUnavailableError:
            await trio.sleep(RETRY_S)
            continue
        await desk.letters.owed.wait()
        await trio.sleep(GATHER_S)


def _letters(desk: Desk, owed: Sequence[Owed]) -> Mapping[Letter, list[Owed]]:
    networks = desk.register.snapshot.networks
    letters: dict[Letter, list[Owed]] = defaultdict(list)
    for one in owed:
        network = networks.get(one.row.network)
        zone = ZoneId("") if network is None else network.zone
        letters[Letter(one.row.alert, zone, one.row.language, one.row.channel)].append(one)
    return letters


async def _answer(desk: Desk, letter: Letter, owed: Sequence[Owed]) -> None:
    """Send one answer to these, as far as they are members still. Raises StoreUnavailableError."""
    now, row = desk.clock.now(), desk.store.alert(letter.alert)
    numbers, networks = desk.register.numbers_of, desk.register.snapshot.networks
    people: dict[NetworkId, list[int]] = defaultdict(list)
    for one in owed:
        if one.row.member in numbers and one.row.network in networks:
            people[one.row.network].append(numbers[one.row.member])
    ids = [one.id for one in owed]
    if not people or row is None:
        await desk.writer.write(desk.store.replies.answered, ids, now)
        return
    alert, audience = _alert(desk, letter, row.alert.mode, people, now)
    key = IdempotencyKey(SENDER, f"reply {ids[0]}", sha256(repr(ids).encode()).digest())

    def accept() -> int:
        desk.store.replies.answered(ids, now)
        return desk.store.accept(alert, audience.encode(), b"", key, audit.accepted(alert))

    begin(desk, alert, audience, planner_of(alert), await desk.writer.write(accept))


def _alert(
    desk: Desk, letter: Letter, mode: Mode, people: Mapping[NetworkId, list[int]], now: Instant
) -> tuple[Alert, Audience]:
    names = tuple(sorted(people))
    plans = desk.register.plans_at(now)
    kind = Kind((), address_mask(ADDRESSES_OF[letter.channel]))
    members = array("I", [number for name in names for number in people[name]])
    blocks = [((index,), (0,), (len(people[name]),)) for index, name in enumerate(names)]
    layout = Layout.of([kind], blocks, members.tobytes())
    sentence = answer_of(desk.register.snapshot.zones.get(letter.zone), letter.language)
    alert = Alert(
        id=alert_id(desk.chance.randbytes(16)),
        alert_class="cold",
        mode=mode,
        content={letter.language: Text(sentence)},
        accepted_at=now,
        expires_at=Instant(now + ANSWER_LIFE_S * 1000),
        token=SENDER,
        role="police",
        networks=names,
        plan_versions=tuple(plans[name].version for name in names),
        register_version=desk.register.snapshot.version,
        members=len(members),
        unreachable={},
        channels=(letter.channel,),
        urgent=False,
        reference=f"reply to {letter.alert}",
        origin="reply",
    )
    return alert, Audience(layout, [Tongue(letter.language, fell_back=False)], bytes(len(names)), bytes(len(names)))


def planner_of(alert: Alert) -> Planner:
    """Return how an answer goes: by the channel by which it was asked, whatever the hour."""
    channels = alert.channels or ()
    hours = compile_hours((Window("00:00", "24:00", channels),))
    plans = tuple(CompiledPlan(version, hours, hours) for version in alert.plan_versions)
    offers = frozenset(channels)
    return Planner(plans, offers, urgent=False, reserve=offers)
