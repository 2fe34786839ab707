"""Those who post alerts and act on them: they ask again, with the same key, until they are answered.

Law: what a client has been answered outlives every crash; what it has not is asked once more.
"""

import json
from hashlib import sha256

import trio

from klaroen.core import calls
from klaroen.core.errors import InputError
from klaroen.core.follow_up import read_follow_up
from klaroen.core.intake import read_alert
from klaroen.core.model import AlertId
from klaroen.core.policy import Verb
from klaroen.core.views import AcceptedView, ActedView
from klaroen.testing.simulator.scenario import AlertDraw, Scenario
from klaroen.testing.simulator.watch import Watch
from klaroen.testing.world import World

PATIENCE_S = 0.7
"""After a 503."""
REFUSED = AlertId("")
"""Stands for an alert that was refused for good."""


class Clients:
    """One for each alert of a scenario."""

    def __init__(self, scenario: Scenario, watch: Watch, begins_s: float) -> None:
        self._draws = scenario.alerts
        self._watch = watch
        self._begins_s = begins_s
        self.alerts: dict[int, AlertId] = {}
        """By place in the scenario: what was answered with 202, or `REFUSED`."""
        self._moves: dict[int, int] = {}
        """By place: how many moves have been answered."""

    @property
    def accepted(self) -> list[AlertId]:
        return [alert for alert in self.alerts.values() if alert != REFUSED]

    def _left(self, place: int) -> int:
        draw = self._draws[place]
        return 0 if draw is None else len(draw.moves) + 1 - (place in self.alerts) - self._moves.get(place, 0)

    @property
    def content(self) -> bool:
        """Whether everybody has been answered everything."""
        return not any(self._left(place) for place in range(len(self._draws)))

    async def live(self, world: World) -> None:
        """Go on where the last life ended."""
        async with trio.open_nursery() as nursery:
            for place, draw in enumerate(self._draws):
                if draw is not None and self._left(place):
                    nursery.start_soon(self._pursue, world, place, draw)

    async def _pursue(self, world: World, place: int, draw: AlertDraw) -> None:
        await trio.sleep_until(max(trio.current_time(), self._begins_s + draw.at_s))
        if place not in self.alerts:
            self.alerts[place] = await self._post(world, place, draw)
            if self.alerts[place] == REFUSED:
                self._moves[place] = len(draw.moves)
        accepted_s = trio.current_time()
        for number in range(self._moves.get(place, 0), len(draw.moves)):
            await trio.sleep_until(max(trio.current_time(), accepted_s + draw.moves[number].after_s))
            verb = draw.moves[number].verb
            await insist(world, calls.Act(self.alerts[place], verb), ActedView, decider(draw, verb))
            self._moves[place] = number + 1

    async def _post(self, world: World, place: int, draw: AlertDraw) -> AlertId:
        waits = draw.kinship is not None and self._draws[draw.kin] is not None
        while waits and draw.kin not in self.alerts:  # noqa: ASYNC110 - virtual time costs nothing
            await trio.sleep(0.1)
        kin = self.alerts.get(draw.kin, REFUSED)
        question = ask(draw, f"key {place}", kin)
        view = None if question is None else await insist(world, question, AcceptedView, sender(draw))
        if view is None:
            return REFUSED
        self._watch.answered.append(view.id)
        return AlertId(view.id)


def sender(draw: AlertDraw) -> str:
    """Return whose token posts it."""
    if draw.sender == "coordinator":
        return "K1"
    return "crisis" if draw.alert_class == "crisis" else "police"


def decider(draw: AlertDraw, verb: Verb) -> str:
    """Return whose token does that: a second person gives the word that an alert waits for."""
    if verb in ("pause", "resume", "cancel"):
        return "operator"
    return "crisis2" if draw.alert_class == "crisis" else "police2"


async def insist(world: World, question: calls.Question, answer: type, principal: str | None) -> "AcceptedView | None":
    """Ask until there is an answer; None where the answer is no."""
    while True:
        try:
            view: AcceptedView = await world.ask(question, answer, principal)
        except InputError as error:
            if error.problem.name != "unavailable":
                return None
            await trio.sleep(PATIENCE_S)
        else:
            return view


def ask(draw: AlertDraw, key: str, kin: AlertId) -> calls.Submit | calls.FollowUp | None:
    """Return what is posted; None where it goes back to an alert that was refused."""
    body: dict[str, object] = {"content": {"nl": {"text": draw.text}}, "expires_in_s": draw.lives_s}
    if draw.kinship is not None and kin == REFUSED:
        return None
    if draw.kinship == "follows":
        body |= {"to": "handed_over", "class": "warm" if draw.alert_class == "warm" else "cold"}
        raw = json.dumps(body).encode()
        return calls.FollowUp(kin, read_follow_up(raw), key, sha256(raw).digest())
    body |= {"class": draw.alert_class, "mode": draw.mode}
    body["targets"] = {"networks": [f"BIN-{number + 1:04}" for number in draw.networks]}
    if draw.confirm:
        body["confirm"] = True
    if draw.alert_class == "public_interest":
        body["urgent"] = True
    if draw.kinship is not None:
        body[draw.kinship] = kin
    raw = json.dumps(body).encode()
    return calls.Submit(read_alert(raw), key, sha256(raw).digest())
