"""What officers and coordinators read is whole in the language that they ask for."""

from typing import get_args

import pytest
from msgspec.structs import replace
from tests.simulation.world import network, register, token

from klaroen.core import calls
from klaroen.core.errors import InputError, Saying
from klaroen.core.forecast import ForecastView
from klaroen.core.model import AlertId, Window
from klaroen.core.phrases import PHRASES, say, word
from klaroen.core.rules import RULES, WordsLanguage
from klaroen.core.upkeep import CheckMembers, FindingPage
from klaroen.core.views import AcceptedView, DeliveryPage, DeliveryWhyView
from klaroen.testing.far_end import FarEnd

LANGUAGES: tuple[WordsLanguage, ...] = get_args(WordsLanguage)
KNOWN = {language: {row.words[language] for row in (*PHRASES.values(), *RULES.values())} for language in LANGUAGES}


def country():
    """Ten people of whom M0 has no number, by a plan that sends texts."""
    made = register([network(1, (Window("00:00", "24:00", ("sms",)),))], 10)
    first, *rest = made.members
    return replace(made, members=(replace(first, mobile=None, landline=None), *rest))


@pytest.mark.parametrize("language", LANGUAGES)
async def test_why_and_deliveries_are_whole_in_one_language(autojump_clock, world_of, language: WordsLanguage) -> None:
    async with world_of(FarEnd("alpha"), country=country()).running() as world:
        sent = await world.send()
        await world.over(sent.id)
        with world.standing_still():
            whys = [
                await world.ask(calls.ShowDelivery(AlertId(sent.id), member, language), DeliveryWhyView)
                for member in ("M0", "M1")
            ]
            page = await world.ask(calls.ListDeliveries(AlertId(sent.id), language=language), DeliveryPage)
    lost, reached = whys
    assert {one.words for one in (*lost.why, *reached.why)} <= KNOWN[language]
    assert word("unreachable_no_address", language) == lost.why[-1].words
    assert [word("attempt_reached", language)] == [one.words for one in reached.attempts]
    assert {word("attempt_reached", language)} == {one.words for item in page.items for one in item.attempts}


@pytest.mark.parametrize("language", LANGUAGES)
async def test_warnings_and_findings_are_in_the_readers_language(autojump_clock, world_of, language) -> None:
    async with world_of(FarEnd("alpha"), country=country()).running() as world:
        submit = replace(world.submit(content={"fr": {"text": "Appelez le 101."}}), language=language)
        sent = await world.ask(submit, AcceptedView)
        assert (say((Saying("other_language", {"count": "9"}),), language),) == sent.warnings
        foretold = await world.ask(calls.Forecast(submit.request, language), ForecastView)
        assert sent.warnings[0] in foretold.warnings
        with world.standing_still():
            found = await world.ask(CheckMembers("BIN-0001", language), FindingPage)
    told = say((Saying("urgent"), Saying("no_address_then", {"channels": "sms"})), language)
    assert [("M0", told)] == [(one.member, one.words) for one in found.items if one.member is not None]


async def test_what_is_refused_carries_what_it_says_for_every_language(autojump_clock, world_of) -> None:
    """Of what officers and coordinators do: never a sentence that stands in English alone."""
    tokens = (token("police", "police", "*"), replace(token("K1", "coordinator"), networks=("BIN-0001",)))
    async with world_of(FarEnd("alpha"), country=country(), tokens=tokens).running() as world:
        sent = await world.send()
        for asked in (
            world.act(sent.id, "approve", "police"),
            world.act("nowhere", "cancel", "police"),
            world.act(sent.id, "cancel", "K1"),
            world.send(supersedes="nowhere"),
            world.send("K1"),
            world.send("police", targets={"networks": ["BIN-0009"]}),
            world.ask(CheckMembers("BIN-0009"), FindingPage),
            world.ask(calls.ShowDelivery(AlertId(sent.id), "M99"), DeliveryWhyView),
        ):
            with pytest.raises(InputError) as caught:
                await asked
            problem = caught.value.problem
            assert problem.detail == say(problem.saying)
