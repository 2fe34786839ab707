"""What the circular forbids and what Klaroen therefore has no place for: pictures (R25), and a faster lane (R26)."""

import re
from pathlib import Path

import pytest
from msgspec import json
from tests.unit.core.batches import ACCEPTED_AT, make_audience, make_group, make_planner

from klaroen.core.errors import InputError
from klaroen.core.expand import expand
from klaroen.core.follow_up import read_follow_up
from klaroen.core.intake import AlertRequest, read_alert
from klaroen.core.model import Member
from klaroen.core.snapshot import Cohort

ALERT = {"class": "warm", "targets": {"networks": ["BIN-0001"]}, "content": {"nl": {"text": "Bel 101."}}}
PICTURES = ("image", "images", "picture", "photo", "media", "attachment", "attachments", "resource")
PAYING = ("priority", "rank", "premium", "fast", "tier", "paid")


@pytest.mark.parametrize("field", PICTURES)
@pytest.mark.parametrize("inside", [None, "nl"])
def test_R25_no_alert_takes_a_picture(field: str, inside: str | None) -> None:
    """Annex 4 forbids recognisable suspects and plates in pictures: there is no field for one, anywhere."""
    posted = json.decode(json.encode(ALERT))
    (posted if inside is None else posted["content"][inside])[field] = "data:image/png;base64,iVBORw0KGgo="
    with pytest.raises(InputError) as caught:
        read_alert(json.encode(posted))
    assert ("invalid", f"$.{'content.nl.' if inside else ''}{field}") in {
        (caught.value.problem.name, str(caught.value.problem.at)),
        (caught.value.problem.name, f"{caught.value.problem.at}.{field}"),
    }
    with pytest.raises(InputError):
        read_follow_up(json.encode({"to": "reached", "content": {"nl": {"text": "Dank u.", field: "x"}}}))


def test_R25_a_plate_in_a_text_is_allowed() -> None:
    words = "Let op een witte bestelwagen, 1-ABC-234."
    request = read_alert(json.encode({**ALERT, "content": {"nl": {"text": words}}}))
    assert words == request.content.by_language()["nl"].text


@pytest.mark.parametrize("field", PAYING)
def test_R26_nobody_can_ask_for_a_faster_message(field: str) -> None:
    """Neither who sends nor the register has a word for it."""
    with pytest.raises(InputError):
        read_alert(json.encode({**ALERT, field: 1}))
    for record in (AlertRequest, Member, Cohort):
        assert field not in record.__struct_fields__


def test_R26_people_of_one_kind_leave_in_the_register_s_order() -> None:
    """Who is first is who has the lower number: the same for every alert, and bought by nobody."""
    audience = make_audience(make_group(5), make_group(4, networks=(0,)))
    routes, _ = expand(audience, make_planner(), 0, 100, ACCEPTED_AT)
    (deliveries,) = routes.values()
    assert list(range(9)) == list(deliveries)


def test_R26_no_price_or_rank_decides_in_the_core() -> None:
    """Of a member the core knows networks, preference, kinds of address and language, and nothing else."""
    core = Path(__file__).parents[3] / "engine" / "klaroen" / "core"
    words = re.compile(r"\b(premium|paying|vip|subscriber)\b", re.IGNORECASE)
    assert [] == [path.name for path in core.glob("*.py") if words.search(path.read_text())]
    assert ("networks", "preference", "addresses", "language", "members") == Cohort.__struct_fields__[:5]
