"""From a seed to a scenario.

Law: each part is drawn by a chance of its own, named after the seed and the part's place, so that leaving one out
leaves the others as they are.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from random import Random
from typing import Final

from msgspec.structs import replace

from klaroen.core.model import AlertClass, CarrierName, Instant, Mode, Window
from klaroen.core.plan import BRUSSELS
from klaroen.testing.simulator.scenario import (
    Ailing,
    AlertDraw,
    CarrierDraw,
    Character,
    ClockStep,
    Death,
    Doing,
    FarewellDraw,
    Fault,
    GrantDraw,
    HaltDraw,
    Ill,
    Kind,
    Move,
    ReplyDraw,
    Scenario,
    Spell,
    Standstill,
    Stop,
    Storm,
    When,
)

SPAN_S: Final = 40.0
"""In which alerts are posted and faults begin."""
NIGHTS: Final = ("2026-11-26T11:00", "2026-11-26T23:59", "2026-03-29T01:59", "2026-10-25T02:59")
"""Local starts: an ordinary day, a midnight, and the two nights in which clocks change."""
WINDOWS: Final = (
    (Window("00:00", "24:00", ("sms", "tts")),),
    (Window("00:00", "24:00", ("sms",)),),
    (Window("00:00", "24:00", ("tts", "sms")),),
    (Window("00:00", "12:00", ("tts", "sms", "email")), Window("12:00", "24:00", ("sms", "email"))),
    (Window("00:00", "24:00", ("email", "sms")),),
)
LEAD_S: Final = 1.0
"""Grants are given so long before they are used."""
WORDS: Final = ("Ik zie een witte wagen", "STOP", "stop.", "Dank u", "Bushalte Stop")
"""What members write back; two of them end cold messages."""
FOUR_EYES: Final[tuple[tuple[tuple[AlertClass, int], ...], ...]] = (
    (("crisis", 0),), (("warm", 10),), (("cold", 0), ("public_interest", 5)),
)  # fmt: skip
TEXTS: Final = (
    "Inbraak bezig in de Kerkstraat. Bel 101.",
    "Hou ramen en deuren dicht; luister naar de radio en bel niemand op, ook niet om te vragen wat er gebeurt. " * 2,
    "🚨 Évacuez “calmement” — rue de l’Église",
)
LONG: Final = 1
"""The text of two parts."""


def draw(seed: int) -> Scenario:
    """Return the whole world of a seed."""
    chance = Random(f"{seed} world")
    networks = chance.choice((1, 1, 2, 3))
    calls = chance.random() < 0.4
    carriers = [_carrier(Random(f"{seed} carrier {place}"), place) for place in range(chance.choice((1, 2, 2, 3)))]
    if calls:
        carriers.append(_trunk(Random(f"{seed} trunk")))
    count = chance.choice((1, 1, 2, 3, 4))
    eyes = Random(f"{seed} eyes")
    four_eyes = eyes.choice(FOUR_EYES) if eyes.random() < 0.25 else ()
    alerts = tuple(
        _sent(Random(f"{seed} sender {place}"), _alert(Random(f"{seed} alert {place}"), place, networks), four_eyes)
        for place in range(count)
    )
    few = range(Random(f"{seed} doings").choice((0, 0, 1, 2, 3, 5)))
    doings = [_doing(Random(f"{seed} doing {place}"), networks) for place in few]
    if any(isinstance(one, ReplyDraw | FarewellDraw) for one in doings):
        alerts += (_cold(Random(f"{seed} cold"), networks),)
    doings += [grant for place, one in enumerate(alerts) for grant in _grants(Random(f"{seed} grant {place}"), one)]
    return Scenario(
        seed=seed,
        starts_at=_instant(chance.choice((NIGHTS[0], *NIGHTS))),
        windows=tuple(chance.choice(WINDOWS) for _ in range(networks)),
        members_each=chance.choice((1, 3, 8, 15, 30, 60)),
        carriers=tuple(carriers),
        alerts=alerts,
        faults=(
            *(_fault(Random(f"{seed} fault {place}"), len(carriers)) for place in range(chance.randrange(5))),
            *_standstills(Random(f"{seed} standstill")),
        ),
        unjournaled_max=chance.choice((5, 20, 100, 1000)),
        patience_s=chance.choice(((4.0, 6.0, 2.0), (8.0, 8.0, 3.0), (2.0, 3.0, 5.0))),
        doings=tuple(doings),
        shared=Random(f"{seed} shared").choice((0, 0, 0, 1, 3)),
        landlines=Random(f"{seed} landlines").choice((0, 0, 1, 5, 60)),
        four_eyes=four_eyes,
    )


def _instant(local: str) -> Instant:
    return Instant(round(datetime.fromisoformat(local).replace(tzinfo=BRUSSELS).timestamp() * 1000))


def _carrier(chance: Random, place: int) -> CarrierDraw:
    character: Character = chance.choice(("good", "good", "fair", "poor"))
    return CarrierDraw(
        name=CarrierName("abc"[place] + "-sms"),
        channels=chance.choice((("sms",), ("sms",), ("sms", "email"))),
        character=character,
        rate_per_s=chance.choice((3.0, 10.0, 40.0, 200.0)),
        window=chance.choice((1, 5, 20, 200)),
        keyed=chance.random() < 0.3,
        weight=chance.choice((1.0, 1.0, 3.0)),
        lanes=chance.choice(((), (), (), (), ("crisis", "warm"))),
        rule=chance.choice(("all", "all", "any", "first", "last")),
    )


def _trunk(chance: Random) -> CarrierDraw:
    character: Character = chance.choice(("good", "fair", "poor"))
    return CarrierDraw(
        name=CarrierName("trunk"),
        channels=("voice", "tts"),
        character=character,
        rate_per_s=chance.choice((2.0, 20.0)),
        window=200,
        lines=chance.choice((1, 3, 30)),
        outlives=chance.random() < 0.5,
    )


def _alert(chance: Random, place: int, networks: int) -> AlertDraw:
    alert_class: AlertClass = chance.choice(("warm", "warm", "crisis", "public_interest", "cold"))
    mode: Mode = chance.choice(("live",) * 8 + ("exercise", "drill"))
    related = place > 0 and chance.random() < 0.3
    return AlertDraw(
        at_s=chance.choice((0.0, 0.5, chance.uniform(0, SPAN_S / 2))) if place else 0.0,
        alert_class=alert_class,
        mode="live" if related else mode,
        networks=tuple(sorted(chance.sample(range(networks), chance.randint(1, networks)))),
        text=f"{chance.choice(TEXTS)}{place}",
        lives_s=chance.choice((10, 20, 45, 90)),
        confirm=alert_class != "crisis" and chance.random() < 0.1,
        moves=_moves(chance),
        kinship=chance.choice(("supersedes", "extends", "follows")) if related else None,
        kin=chance.randrange(place) if related else 0,
    )


def _moves(chance: Random) -> tuple[Move, ...]:
    after_s = chance.choice((0.1, 0.5, 3.0, 12.0))
    pause = (Move(after_s, "pause"), Move(after_s + chance.choice((0.2, 5.0, 30.0)), "resume"))
    cancel = (Move(after_s, "cancel"),)
    return chance.choice(((), (), (), (), pause, cancel, (*pause, Move(after_s + 6.0, "cancel"))))


def _sent(chance: Random, alert: AlertDraw, four_eyes: tuple[tuple[AlertClass, int], ...]) -> AlertDraw:
    """Return it as a coordinator's, now and then, and with the word that it may have to wait for."""
    may_be_theirs = alert.alert_class in ("warm", "cold") and alert.mode != "drill"
    theirs = may_be_theirs and chance.random() < 0.35
    if not theirs and alert.alert_class not in dict(four_eyes):
        return alert
    after_s = chance.choice((0.2, 2.0, 8.0))
    yes = Move(after_s, "consent" if theirs else "approve")
    words = chance.choice(((yes,), (yes,), (yes,), (Move(after_s, "refuse"),), ()))
    moves = sorted((*words, *alert.moves), key=lambda move: move.after_s)
    if not theirs:
        return replace(alert, moves=tuple(moves))
    return replace(alert, sender="coordinator", at_s=max(LEAD_S, alert.at_s), moves=tuple(moves))


# --- what people do besides -------------------------------------------------------------------------------------------


def _grants(chance: Random, alert: AlertDraw) -> Iterator[Doing]:
    """Yield what lets a coordinator send, mostly: a grant of each network, which may be withdrawn or end on the way."""
    if alert.sender != "coordinator" or chance.random() < 0.3:
        return
    withdrawn_s = chance.choice((None, None, LEAD_S, LEAD_S + 0.5, LEAD_S + 3.0, 10.0))
    for network in alert.networks:
        yield GrantDraw(alert.at_s - LEAD_S, network, ("cold", "warm"), chance.choice((600.0, 600.0, 3.0)), withdrawn_s)


def _cold(chance: Random, networks: int) -> AlertDraw:
    """Return a cold message to all, when some may want none any more."""
    at_s, lives_s = chance.uniform(SPAN_S / 4, SPAN_S), chance.choice((20, 45))
    return AlertDraw(at_s, "cold", "live", tuple(range(networks)), "Doe 's avonds de lichten aan.", lives_s)


def _halt(chance: Random, network: int) -> Doing:
    return HaltDraw(_begins(chance), network, chance.choice((None, 0.3, 5.0, 20.0)))


def _reply(chance: Random, network: int) -> Doing:
    at_s, member = chance.uniform(0.5, SPAN_S), chance.choice((0, 0, 1, 2))
    times, gap_s = chance.choice((1, 1, 2, 4)), chance.choice((0.0, 0.5, 5.0))
    return ReplyDraw(at_s, network, member, chance.choice(WORDS), times, gap_s, chance.choice(("link", "webhook")))


def _farewell(chance: Random, network: int) -> Doing:
    return FarewellDraw(chance.uniform(0.5, SPAN_S), network, chance.choice((0, 0, 1)))


_DOINGS: Final[tuple[Callable[[Random, int], Doing], ...]] = (_halt, _halt, _reply, _reply, _reply, _farewell)


def _doing(chance: Random, networks: int) -> Doing:
    return chance.choice(_DOINGS)(chance, chance.randrange(networks))


# --- faults -----------------------------------------------------------------------------------------------------------


def _death(chance: Random, _carriers: int) -> Fault:
    when: When = chance.choice(("before commit", "after commit", "hand-over", "await"))
    most = {"before commit": 25, "after commit": 25, "hand-over": 8, "await": 400}[when]
    return Death(_begins(chance), when, chance.randint(1, most), chance.choice((0.1, 2.0, 15.0)))


def _stop(chance: Random, _carriers: int) -> Fault:
    return Stop(_begins(chance), chance.choice((0.1, 3.0)))


def _storm(chance: Random, carriers: int) -> Fault:
    cuts, pause_s = chance.choice((1, 2, 6)), chance.choice((0.1, 1.0, 5.0))
    return Storm(_begins(chance), chance.randrange(carriers), cuts, chance.choice((0.05, 1.0, 10.0)), pause_s)


def _spell(chance: Random, carriers: int) -> Fault:
    kind: Kind = chance.choice(("blackout", "brownout", "throttling", "lying", "refusing"))
    return Spell(_begins(chance), chance.randrange(carriers), kind, chance.choice((1.0, 5.0, 20.0)))


def _ailing(chance: Random, _carriers: int) -> Fault:
    kind: Ill = chance.choice(("full", "slow"))
    return Ailing(_begins(chance), kind, chance.choice((0.3, 3.0, 15.0)), chance.choice((0.002, 0.05, 0.7)))


def _step(chance: Random, _carriers: int) -> Fault:
    return ClockStep(_begins(chance), chance.choice((-3600.0, 3600.0, -5.0, 5.0)))


def _standstills(chance: Random) -> Iterator[Fault]:
    """Beside the others, so that a seed keeps what it drew before there were any."""
    if chance.random() < 0.2:
        yield Standstill(_begins(chance), chance.choice((1.5, 6.0, 20.0)))


_KINDS: Final[tuple[Callable[[Random, int], Fault], ...]] = (
    _death, _death, _death, _stop, _storm, _storm, _spell, _spell, _ailing, _ailing, _step,
)  # fmt: skip


def _begins(chance: Random) -> float:
    return chance.choice((0.0, chance.uniform(0.0, 2.0), chance.uniform(0.0, SPAN_S)))


def _fault(chance: Random, carriers: int) -> Fault:
    return chance.choice(_KINDS)(chance, carriers)
