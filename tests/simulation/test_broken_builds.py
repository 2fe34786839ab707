"""For each promise a build that breaks it, mutated here: the simulator notices within some seeds.

Law: a mutation replaces words in the source of one function and puts the result wherever that function is known.
"""

import ast
import importlib
import inspect
import sys
import textwrap
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from klaroen.testing.simulator import invariants
from klaroen.testing.simulator.drawing import draw
from klaroen.testing.simulator.play import play
from klaroen.testing.simulator.shuffles import shuffle_many

SEEDS: Final = 25
"""Worlds from the one named on that may pass unnoticed: drawing changes, and what breaks where with it."""


class Build(NamedTuple):
    """The promise that it breaks, what is mutated, which words become which, and a seed that notices."""

    promise: str
    where: str
    old: str
    new: str
    seed: int = 0


BUILDS: Final = (
    Build(
        "nothing_accepted_is_lost", "store.standing:standing_of",
        "rows(sql.OPEN_ALERTS)", "rows(sql.OPEN_ALERTS)[1:]", 3,
    ),
    Build("what_was_written_is_read_again", "core.sheet:Sheet._restore", "self.sent = frozen.sent", "self.sent = 0", 3),
    Build("expansion_leaves_nobody_out", "core.expand:expand", "range(start, end)", "range(start, end - (end > 2))"),
    Build("everybody_has_one_place", "dispatch.page:Page.succeed", "+= batches", "+= batches[1:]"),
    Build("a_batch_ends_when_nobody_waits", "dispatch.page:Page.finished", "self.sheet.open == 0 and ", ""),
    Build(
        "receipts_are_kept_before_they_are_acknowledged", "dispatch.settle:take_events",
        "station.received.append(event)",
        "station.received.append(event); station.carrier.acknowledge([event], stored=True)",
    ),
    Build("proof_is_never_forgotten", "dispatch.settle:drain", "orphans.append(one)", "pass"),
    Build("everything_ends", "core.sheet:Sheet.restless", "due.append(index)", "pass"),
    Build(
        "what_leaves_is_covered", "dispatch.flight:_cover",
        "await desk.durable(commit)", "await trio.lowlevel.checkpoint()",
    ),
    Build(
        "whoever_leaves_stands_there", "core.sheet:Sheet.restless",
        "flown != NEVER or not grounded", "flown != NEVER",
    ),
    Build(
        "the_last_attempt_is_settled", "core.verdict:_unknown",
        "_told_by(attempt, patience.grace_s, patience)", "now", 7,
    ),
    Build(
        "the_last_attempt_is_settled", "core.verdict:_told_by",
        "attempt.heard_from + int(patience.grace_s * 1000)", "attempt.heard_from", 51,
    ),
    Build("doubles_are_said_beforehand", "core.verdict:_unknown", "(), None, True)", "(), None, False)", 7),
    Build(
        "doubles_are_said_beforehand", "dispatch.leftovers:_may_repeat",
        "in (UNKNOWN, HANDED_OVER, NETWORK)", "in ()", 70,
    ),
    Build("the_reached_are_left_alone", "dispatch.flight:_envelopes", "if reached[delivery] or ", "if ", 43),
    Build("what_is_in_doubt_is_bounded", "dispatch.desk:Desk.room", "most - self.exposed - ", "most - ", 8),
    Build(
        "what_arrives_is_what_was_posted", "dispatch.open_alert:OpenAlert.content",
        "text=text.text", "text=text.text.strip('0')",
    ),
    Build("reached_means_proof", "core.sheet:Sheet.part_of", "return ", "return WHOLE or ", 7),
    Build("counters_equal_the_fold", "core.account:Account._derive", "counts[old] -= 1", "counts[old] -= old != 1"),
    Build(
        "closing_accounts_are_the_journal", "core.account:Account.close",
        "bytes(self.reached)", "bytes(len(self.reached))",
    ),
    Build(
        "nothing_leaves_that_was_stopped", "dispatch.open_alert:OpenAlert.may_fly",
        'self.state in ("accepted", "sending") and ', "",
    ),
    Build("nothing_leaves_without_a_word", "core.model:Alert.begins_as", "in WAITING", "in ()"),
    Build(
        "a_grant_that_is_gone_carries_nothing", "dispatch.decrees:_withdraw",
        "enforce(desk)", "0", 57,
    ),
    Build("officers_get_their_copy", "dispatch.accept:copy_for_officers", 'alert.authority != "grant"', "True"),
    Build("a_stopped_network_gets_nothing", "dispatch.decrees:_stop", "enforce(desk)", "0"),
    Build("who_wants_none_gets_nothing_cold", "dispatch.hearing:put", "desk.quiet.add(one)", "pass"),
    Build(
        "a_reply_is_answered_once", "store.replies:Replies.put",
        "PUT,", 'PUT.replace("AND NOT EXISTS (SELECT 1 FROM reply WHERE alert = ?1 AND member = ?2)", ""),',
    ),
    Build(
        "corrections_go_to_whom_they_concern", "dispatch.audiences:find_audience",
        "without=following.extends", "without=not following.extends",
    ),
    Build("drills_stay_inside", "dispatch.agenda:Agenda.add", 'batch.mode == "drill"', "False", 3),
    Build("no_carrier_above_its_rate", "core.pace:spend", "pace.tokens - segments", "pace.tokens"),
    Build("no_carrier_above_its_window", "core.pace:spend", "used=pace.used + segments", "used=pace.used", 2),
    Build("no_carrier_above_its_lines", "core.pace:spend", "pace.lines_used + calls", "pace.lines_used", 8),
    Build(
        "lanes_keep_their_order", "core.lanes:choose_lane",
        " and lanes.credit(lane) >= 1.0 + put_off", "", 60,
    ),
    Build("nothing_of_ours_breaks", "core.verdict:_refused", "passed =", "assert not batch.passed; passed =", 70),
)  # fmt: skip


def mutate(monkeypatch: pytest.MonkeyPatch, build: Build) -> None:
    """Put the mutated function in the place of the other, in its class or in every module that imports it."""
    module_name, _, path = build.where.partition(":")
    module = importlib.import_module(f"klaroen.{module_name}")
    *outer, name = path.split(".")
    holder: Any = module
    for one in outer:
        holder = getattr(holder, one)
    original = inspect.getattr_static(holder, name)
    function = original.fget if isinstance(original, property) else original
    source = textwrap.dedent(inspect.getsource(function))
    assert source.count(build.old) >= 1, f"{build.where} says no more {build.old!r}"
    names: dict[str, Any] = {}
    exec(compile(ast.parse(source.replace(build.old, build.new)), build.where, "exec"), vars(module), names)
    if outer:
        monkeypatch.setattr(holder, name, names[name])
        return
    for loaded in [one for key, one in sys.modules.items() if key.startswith("klaroen.")]:
        if vars(loaded).get(name) is original:
            monkeypatch.setattr(loaded, name, names[name])


@pytest.mark.parametrize("build", BUILDS, ids=lambda build: build.promise)
def test_a_broken_build_is_noticed(monkeypatch, build) -> None:
    mutate(monkeypatch, build)
    seen = []
    for seed in range(build.seed, build.seed + SEEDS):
        seen.append(play(draw(seed)).promise)
        if seen[-1] == build.promise:
            return
    raise AssertionError(f"nothing noticed but {sorted({*seen} - {''})}")


def promises() -> dict[str, str]:
    """Return what is promised, by name."""
    return {
        name: inspect.getdoc(one) or ""
        for name, one in vars(invariants).items()
        if inspect.isfunction(one) and one.__module__ == invariants.__name__ and not name.startswith("_")
    }


def test_every_promise_has_its_broken_build() -> None:
    """Whoever adds a promise shows that the simulator sees it broken."""
    assert set(promises()) == {build.promise for build in BUILDS}


def test_every_promise_is_written_down() -> None:
    """What users may hold us to stands in docs/reliability.md, in the same words."""
    written = (Path(__file__).parents[2] / "docs/reliability.md").read_text()
    assert [] == [words for words in promises().values() if f"| {words} |" not in written]


def test_an_order_that_matters_is_seen(monkeypatch) -> None:
    """If the last word of a part counted instead of the furthest, the same receipts would end in several ways."""
    mutate(monkeypatch, Build("", "core.sheet:Sheet._join", "if state > self._parts[place]:", "if True:"))
    assert 1 < shuffle_many(5).ends
