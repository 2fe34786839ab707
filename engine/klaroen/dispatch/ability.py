"""Which channels cannot carry an alert's texts, letter for letter.

Law: a carrier judges each text by itself; a channel is unable to carry what none of its carriers can (law 8). Whoever
is to be warned by it gets the next channel, and the sender is told.
"""

from collections.abc import Mapping, Sequence

from klaroen.core.errors import Saying
from klaroen.core.intake import AlertRequest
from klaroen.core.model import Channel, Language, Text
from klaroen.core.plan import Offer, make_offer
from klaroen.dispatch.desk import Desk
from klaroen.dispatch.station import Station

Faults = Mapping[Channel, Mapping[Language, str]]
"""Channel -> language -> what of the text it cannot carry."""


def offer_of(desk: Desk, request: AlertRequest) -> tuple[Offer, tuple[Saying, ...]]:
    """Return what an alert can go by, and what its sender is told of the rest."""
    texts, drill = request.content.by_language(), request.mode == "drill"
    found = faults(tuple(desk.fleet(drill).values()), texts)
    offer = make_offer(
        request.alert_class,
        text=bool(texts),
        recording=bool(request.recording.by_language()),
        narrowed=request.channels,
        carriers=desk.channels(drill),
        unable=unable(found, texts),
    )
    return offer, warnings(found, offer.allowed)


def faults(stations: Sequence[Station], texts: Mapping[Language, Text]) -> Faults:
    """Return the texts that a channel of these carriers cannot carry exactly, and why."""
    found: dict[Channel, dict[Language, str]] = {}
    for channel in dict.fromkeys(channel for station in stations for channel in station.channels):
        for language, text in texts.items():
            codes = [one.settings.unable(text.text) for one in stations if channel in one.channels]
            first = codes[0]
            if first is not None and None not in codes:
                found.setdefault(channel, {})[language] = first
    return found


def unable(found: Faults, texts: Mapping[Language, Text]) -> frozenset[Channel]:
    """Return the channels that can carry none of the texts."""
    return frozenset(channel for channel, by_language in found.items() if len(by_language) == len(texts))


def warnings(found: Faults, allowed: frozenset[Channel]) -> tuple[Saying, ...]:
    """Return what the sender is told."""
    return tuple(
        Saying(f"unable_{code}", {"language": language, "channel": channel})
        for channel, by_language in found.items()
        for language, code in by_language.items()
        if channel in allowed
    )
