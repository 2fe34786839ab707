"""Those who decide and those who write back: the police over networks and grants, members over what they want to get.

Law: like clients they ask again until they are answered; what a handset has written its carrier keeps and repeats,
whether or not a process lives.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final, assert_never

import trio

from klaroen.core import calls, mandates
from klaroen.core.model import NetworkId
from klaroen.core.ports import Reply
from klaroen.core.replies import PutReplies, SayFarewell
from klaroen.testing import country
from klaroen.testing.simulator.client import insist
from klaroen.testing.simulator.scenario import Doing, FarewellDraw, GrantDraw, HaltDraw, ReplyDraw, Scenario
from klaroen.testing.simulator.watch import Watch
from klaroen.testing.world import World

COORDINATOR: Final = "K1"
WHY: Final = mandates.HaltRequest("It patrols by night.", "The burgomaster")
Deed = Callable[[World], calls.Question | None]
"""What is asked when its time has come; None: there is nothing to ask."""


def name_of(network: int) -> NetworkId:
    return NetworkId(f"BIN-{network + 1:04}")


class People:
    """Everybody of a scenario who does something besides posting alerts."""

    def __init__(self, scenario: Scenario, watch: Watch, begins_s: float) -> None:
        self._scenario = scenario
        self._watch = watch
        self._begins_s = begins_s
        self._deeds = {place: self._deeds_of(one) for place, one in enumerate(scenario.doings) if one is not None}
        self._answered: Counter[int] = Counter()
        """By place: how many deeds have been answered."""
        self._by_link = [one for one in scenario.doings if isinstance(one, ReplyDraw) and one.by == "link"]
        self._writing = len(self._by_link)

    @property
    def content(self) -> bool:
        """Whether everybody has been answered everything, and written what he had to say."""
        return not self._writing and all(self._answered[place] == len(deeds) for place, deeds in self._deeds.items())

    async def live(self, world: World) -> None:
        """Go on where the last life ended."""
        async with trio.open_nursery() as nursery:
            for place in self._deeds:
                nursery.start_soon(self._pursue, world, place)

    async def _pursue(self, world: World, place: int) -> None:
        for at_s, deed in self._deeds[place][self._answered[place] :]:
            await trio.sleep_until(max(trio.current_time(), self._begins_s + at_s))
            question = deed(world)
            if question is not None:
                told = isinstance(question, PutReplies | SayFarewell)
                await insist(world, question, object, None if told else "police")
                self._tell(question)
            self._answered[place] += 1

    def _tell(self, question: calls.Question) -> None:
        if isinstance(question, PutReplies):
            self._watch.kept(question.replies)
        elif isinstance(question, SayFarewell):
            self._watch.said_farewell(question.farewell)

    async def write_back(self, world: World) -> None:
        """Have everybody write whose words come by a carrier's own link."""
        async with trio.open_nursery() as nursery:
            for draw in self._by_link:
                nursery.start_soon(self._write, world, draw)

    async def _write(self, world: World, draw: ReplyDraw) -> None:
        for time in range(draw.times):
            await trio.sleep_until(self._begins_s + draw.at_s + time * draw.gap_s)
            for end in [world.ends[one.name] for one in self._scenario.carriers if "sms" in one.channels][:1]:
                end.say(self._reply(draw, time))
        self._writing -= 1

    # --- what each of them does ---------------------------------------------------------------------------------------

    def _deeds_of(self, doing: Doing) -> Sequence[tuple[float, Deed]]:
        """Return what is asked, and when."""
        match doing:
            case GrantDraw():
                return _grants(doing)
            case HaltDraw():
                return _halts(doing)
            case FarewellDraw():
                return ((doing.at_s, lambda world: _farewell(world, self._number(doing.network, doing.member))),)
            case ReplyDraw() if doing.by == "link":
                return ()
            case ReplyDraw():
                carrier = self._scenario.carriers[0].name
                return tuple(
                    (
                        doing.at_s + time * doing.gap_s,
                        lambda _, time=time: PutReplies(carrier, (self._reply(doing, time),)),
                    )
                    for time in range(doing.times)
                )
            case _:
                assert_never(doing)

    def _number(self, network: int, member: int) -> int:
        each = self._scenario.members_each
        return network * each + member % each

    def _reply(self, draw: ReplyDraw, time: int) -> Reply:
        """Every second time the same words again."""
        words = draw.text if time % 2 == 0 else f"{draw.text} {time}"
        return Reply(country.address(self._number(draw.network, draw.member)), words)


def _grants(doing: GrantDraw) -> Sequence[tuple[float, Deed]]:
    network = name_of(doing.network)

    def give(world: World) -> calls.Question:
        ends_at = datetime.fromtimestamp(world.clock.now() / 1000 + doing.for_s, UTC)
        request = mandates.GrantRequest(ends_at.isoformat(timespec="milliseconds"), doing.classes)
        return mandates.PutGrant(network, COORDINATOR, request)

    given = (doing.at_s, give)
    if doing.withdrawn_after_s is None:
        return (given,)
    return given, (doing.at_s + doing.withdrawn_after_s, lambda _: mandates.WithdrawGrant(network, COORDINATOR))


def _halts(doing: HaltDraw) -> Sequence[tuple[float, Deed]]:
    network = name_of(doing.network)
    stopped = (doing.at_s, lambda _: mandates.StopNetwork(network, WHY))
    if doing.resumed_after_s is None:
        return (stopped,)
    return stopped, (doing.at_s + doing.resumed_after_s, lambda _: mandates.ResumeNetwork(network, WHY))


def _farewell(world: World, number: int) -> SayFarewell | None:
    """Return the click on the link in the latest mail to this member; None where none of his has one."""
    mails = [one.envelope for one in world.handed if one.envelope.address == country.mail(number)]
    link = next((one.farewell for one in reversed(mails) if one.farewell), "")
    return SayFarewell(link) if link else None
