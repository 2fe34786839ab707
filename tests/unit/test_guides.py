"""The guides stay true: every call that they show is taken as it stands, and every command exists."""

import re
from pathlib import Path

import msgspec
import pytest

from klaroen import cli
from klaroen.core.follow_up import FollowUpRequest, read_follow_up
from klaroen.core.intake import AlertRequest, read_alert
from klaroen.edge.routes import ROUTES

DOCS = Path(__file__).parents[2] / "docs"
GUIDES = sorted(path for language in ("nl", "fr") for path in (DOCS / language).glob("*.md"))
CALL = re.compile(r"^```http\n(\w+) (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MENTIONED = re.compile(r"`(GET|POST|PUT|DELETE) (/v1/[^`?]+)")
COMMAND = re.compile(r"(?:^ {4,}|`)klaroen ([a-z]+(?: [a-z]+)?)", re.MULTILINE)
TEXTS = {path.relative_to(DOCS).as_posix(): path.read_text() for path in GUIDES}
SERVED = {(route.method, route.path): route for route in ROUTES}


def test_there_is_a_guide_for_each_in_both_languages() -> None:
    """Dispatcher, officer and coordinator."""
    assert 3 == len([name for name in TEXTS if name.startswith("nl/")])
    assert 3 == len([name for name in TEXTS if name.startswith("fr/")])


@pytest.mark.parametrize("name", TEXTS)
def test_every_call_of_a_guide_is_taken_as_it_stands(name: str) -> None:
    calls = CALL.findall(TEXTS[name])
    assert calls
    for method, path, body in calls:
        shape = SERVED[method, path].body
        if shape is AlertRequest:
            read_alert(body.encode())
        elif shape is FollowUpRequest:
            read_follow_up(body.encode())
        else:
            msgspec.json.decode(body.encode(), type=shape)
    for method, path in MENTIONED.findall(TEXTS[name]):
        assert (method, path) in SERVED, f"{name} names {method} {path}"


@pytest.mark.parametrize("name", TEXTS)
def test_every_command_of_a_guide_exists(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    for command in set(COMMAND.findall(TEXTS[name])):
        words = command.split()
        words = words[:1] if words[0] == "evaluate" else words
        assert 0 == cli.main([*words, "--help"]), command
        assert capsys.readouterr().out.startswith(f"Usage: klaroen {' '.join(words)}")


def test_both_languages_say_the_same() -> None:
    """As many parts, calls and commands in each guide as in its twin."""
    twins = (("meldkamer", "dispatching"), ("mandataris", "policier-mandate"), ("coordinator", "coordinateur"))
    for dutch, french in twins:
        one, other = TEXTS[f"nl/{dutch}.md"], TEXTS[f"fr/{french}.md"]
        for part in (r"^## ", r"^```http", r"^    klaroen ", r"^\|"):
            assert len(re.findall(part, one, re.MULTILINE)) == len(re.findall(part, other, re.MULTILINE)), (dutch, part)
