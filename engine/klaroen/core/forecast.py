"""What an alert would come to, were it posted now: whom, by what, when, at what cost. Nothing is sent.

Law: a forecast is planning by the same functions as the alert itself, and one model of queues: on each channel a lane
drains behind the lanes above it, never slower than its floor; an alert's head start goes before its own lane. What is
not measured is not guessed: where no receipt has been seen, times of arrival are None.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct

from klaroen.core.audience import Audience
from klaroen.core.errors import Saying
from klaroen.core.expand import Planner
from klaroen.core.lanes import FLOORS, head_start
from klaroen.core.model import AlertClass, Channel, Instant, Language, Step
from klaroen.core.money import euros
from klaroen.core.views import RefusedNetwork, UnreachableCount

RUNGS_MAX: Final = 4
"""Steps that are looked ahead; who is proved by none of them is beyond any forecast."""
POINTS: Final = 20
"""Of a queue, and as many of arrival times: a percentile is right to within a twentieth of the queue."""
SHARES: Final = (50, 90, 99)


class Supply(Struct, frozen=True):
    """One channel as it stands, over the carriers that are up for this class."""

    per_s: float
    """Segments, or calls, that it drains a second; 0 where no carrier is up."""
    carriers: int
    above: float
    """Segments that wait in higher lanes; `beside`: in the alert's own."""
    beside: float
    price: float
    """Micro-euros a segment, or a call of the usual length."""
    wait_s: float
    """What a step waits for proof."""
    proved: float | None
    """Share of what is handed over that is proved to arrive; None where nothing was measured."""
    arrivals_s: tuple[float, ...]
    """From hand-over to proof, measured, ascending."""


class ChannelForecast(Struct, frozen=True):
    """`members` and `segments` of first steps; the cost is that expected with the steps that follow."""

    members: int
    segments: int
    cost_eur: float


class ForecastView(Struct, frozen=True):
    """Seconds from acceptance, as percentiles: of first hand-overs, and over those who are expected to be reached."""

    members: int
    networks: int
    refused: tuple[RefusedNetwork, ...]
    not_located: tuple[str, ...]
    unreachable: UnreachableCount
    channels: Mapping[str, ChannelForecast]
    handed_over_s: Mapping[str, float | None]
    reached_s: Mapping[str, float | None]
    cost_eur: float
    warnings: tuple[str, ...]


class Outlook(Struct, frozen=True):
    """The part of a forecast that is computed."""

    channels: Mapping[str, ChannelForecast]
    handed_over_s: Mapping[str, float | None]
    reached_s: Mapping[str, float | None]
    cost_eur: float
    warnings: tuple[Saying, ...]


class _Path(Struct, frozen=True):
    """People who go the same way: the channels of their steps, and the segments of each message."""

    channels: tuple[Channel, ...]
    segments: int


Weighted = tuple[float, float]
"""(seconds, people)."""


def look_ahead(
    audience: Audience,
    planner: Planner,
    at: Instant,
    alert_class: AlertClass,
    parts: Mapping[Language, int],
    supplies: Mapping[Channel, Supply],
) -> Outlook:
    """Return the outlook. Shape: `supplies` has every channel that the planner offers."""
    paths = _paths(audience, planner, at, parts)
    firsts: defaultdict[Channel, list[int]] = defaultdict(lambda: [0, 0])
    for path, people in paths.items():
        tally = firsts[path.channels[0]]
        tally[0] += people
        tally[1] += people * _segments(path, path.channels[0])
    head = head_start(len(audience))
    queues = {name: _queue(supplies[name], segments, alert_class, head) for name, (_, segments) in firsts.items()}
    handed: list[Weighted] = []
    reached: list[Weighted] = []
    loads: defaultdict[Channel, float] = defaultdict(float)
    for path, people in paths.items():
        queue = queues[path.channels[0]]
        handed += [(point, people / len(queue)) for point in queue]
        for channel, load in _loads(path, people, supplies):
            loads[channel] += load
        if queue:
            reached += _reached(path, people, queue, supplies)
    costs = {name: round(load * supplies[name].price) for name, load in loads.items()}
    channels: dict[str, ChannelForecast] = {}
    for name in sorted(loads):
        members, segments = firsts.get(name, (0, 0))
        channels[name] = ChannelForecast(members, segments, euros(costs[name]))
    used = [name for name in sorted(firsts) if supplies[name].per_s]
    unmeasured = any(supplies[name].proved is None or not supplies[name].arrivals_s for name in used)
    return Outlook(
        channels,
        percentiles(handed),
        percentiles([] if unmeasured else reached),
        euros(sum(costs.values())),
        tuple(_warnings(sorted(firsts), supplies)),
    )


def _paths(audience: Audience, planner: Planner, at: Instant, parts: Mapping[Language, int]) -> Mapping[_Path, int]:
    """Return how many people go each way, by the plans and preferences of this hour."""
    paths: defaultdict[_Path, int] = defaultdict(int)
    for start, end, group in audience.spans_from(0):
        steps: list[Step] = []
        while len(steps) < RUNGS_MAX and (step := planner.step(group, steps, at)) is not None:
            steps.append(step)
        if steps and group.reason is None:
            paths[_Path(tuple(step.channel for step in steps), parts[group.language])] += end - start
    return paths


def _segments(path: _Path, channel: Channel) -> int:
    return path.segments if channel == "sms" else 1


def _queue(supply: Supply, segments: int, alert_class: AlertClass, head: int) -> Sequence[float]:
    """Return when the alert's segments leave, in `POINTS` equal parts: nothing where no carrier is up."""
    if not supply.per_s:
        return ()
    floor_per_s = FLOORS[alert_class] * supply.per_s
    points = []
    for point in range(POINTS):
        own = segments * (point + 0.5) / POINTS
        beside = 0.0 if own <= head * supply.carriers else min(supply.beside, own)  # then alerts take turns
        behind_all = (supply.above + beside + own) / supply.per_s
        by_floor = (beside + own) / floor_per_s if floor_per_s else behind_all
        points.append(min(behind_all, by_floor))
    return points


def _loads(path: _Path, people: int, supplies: Mapping[Channel, Supply]) -> Iterator[tuple[Channel, float]]:
    """Yield the segments that are expected on each channel: who is proved by a step has no next one."""
    left = float(people)
    for channel in path.channels:
        yield channel, left * _segments(path, channel)
        left *= 1.0 - (supplies[channel].proved or 0.0)


def _reached(
    path: _Path, people: int, queue: Sequence[float], supplies: Mapping[Channel, Supply]
) -> Iterator[Weighted]:
    """Yield when they are proved to be reached: by the first step, or after its wait by the next."""
    left, delay_s = float(people), 0.0
    for channel in path.channels:
        supply = supplies[channel]
        if not supply.per_s or supply.proved is None:
            return
        reached = left * supply.proved
        arrivals = supply.arrivals_s[:: max(1, len(supply.arrivals_s) // POINTS)]
        for point in queue:
            for arrival in arrivals:
                yield point + delay_s + arrival, reached / (len(queue) * len(arrivals))
        left -= reached
        delay_s += supply.wait_s


def percentiles(points: Sequence[Weighted]) -> dict[str, float | None]:
    """Return by when half of the people, nine tenths, and all but a hundredth are through."""
    if not points:
        return {f"p{share}": None for share in SHARES}
    ordered = sorted(points)
    sums: list[float] = []
    for _, weight in ordered:
        sums.append((sums[-1] if sums else 0.0) + weight)
    places = (bisect_left(sums, sums[-1] * share / 100) for share in SHARES)
    return {f"p{share}": round(ordered[place][0], 3) for share, place in zip(SHARES, places, strict=True)}


def _warnings(channels: Sequence[Channel], supplies: Mapping[Channel, Supply]) -> Iterator[Saying]:
    for name in channels:
        supply = supplies[name]
        if not supply.per_s:
            yield Saying("forecast_no_carrier", {"channel": name})
        elif supply.proved is None or not supply.arrivals_s:
            yield Saying("forecast_no_receipt", {"channel": name})
