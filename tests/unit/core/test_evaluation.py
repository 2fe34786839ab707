"""The evaluation over a period (R20): what is filled in, what is left to people, and what counts nowhere."""

from datetime import UTC, datetime

import pytest
from msgspec import json

from klaroen.core.books import Book, BookRow, Place
from klaroen.core.buckets import bucket_of
from klaroen.core.errors import InputError
from klaroen.core.evaluation import COLUMNS, EvaluationView, Subject, evaluate, read_period, table_row
from klaroen.core.model import Instant

NOW = Instant(1_795_305_600_000)
"""Sunday 22 November 2026, 01:00 in Brussels."""
PERIOD = read_period("2026-01-01", "2026-12-31", NOW)
N1 = Subject("network", "N1", "Kerkwijk", 90, 95, 12, 1)


def row(alert: str, name: str = "N1", alert_class: str = "warm", mode: str = "live", **changes: object) -> BookRow:
    book = Book(
        (1, 2, 5, 0, 0, 0, 2), {bucket_of(1_000): 4, bucket_of(60_000): 1}, 3, (500_000, 300_000, 200_000, 0, 0)
    )
    return BookRow(Place("network", name), NOW, alert, alert_class, mode, book)  # type: ignore[arg-type]


def one(*rows: BookRow, followed: tuple[str, ...] = ()) -> EvaluationView:
    return evaluate(rows, [N1], followed, PERIOD).items[0]


def test_R20_warm_and_cold_count_apart_from_crisis_public_interest_and_exercises() -> None:
    view = one(
        row("A"), row("B"), row("C", alert_class="cold"), row("D", alert_class="crisis"),
        row("E", alert_class="public_interest"), row("F", mode="exercise"),
        row("G", mode="exercise", alert_class="cold"),
    )  # fmt: skip
    alerts = {name: getattr(view, name).alerts for name in ("warm", "cold", "crisis", "public_interest", "exercises")}
    assert {"warm": 2, "cold": 1, "crisis": 1, "public_interest": 1, "exercises": 2} == alerts
    warm = view.warm
    assert (20, 14, 10, 4, 6) == (warm.members, warm.handed_over, warm.reached, warm.unreachable, warm.confirmed)


def test_R20_how_fast_is_told_in_seconds_and_nothing_where_nobody_was_reached() -> None:
    view = one(row("A"))
    assert 1.0 <= (view.warm.reached_s["p50"] or 0) <= 1.1
    assert 60 <= (view.warm.reached_s["p99"] or 0) <= 66
    assert {"p50": None, "p90": None, "p99": None} == view.cold.reached_s


def test_R20_members_feedback_and_what_is_still_open_are_told() -> None:
    view = one(row("A"), row("B"), followed=("B", "X"))
    assert (90, 95, 12, 1) == (view.members_at_start, view.members_at_end, view.evaluation_months, view.open_alerts)
    assert 1 == view.warm.with_feedback


def test_R20_replies_are_counted_where_they_came_from() -> None:
    rows = [row("A"), row("B", alert_class="cold")]
    page = evaluate(rows, [N1], (), PERIOD, {("A", "N1"): 2, ("A", "N2"): 5, ("B", "N1"): 1, ("C", "N1"): 9})
    assert (2, 1) == (page.items[0].warm.replies, page.items[0].cold.replies)


def test_R20_what_klaroen_sends_by_itself_is_no_message_but_costs() -> None:
    """Copies for officers (R9) and answers to replies (R17)."""
    view = one(row("A", mode="copy"), row("B", mode="reply", alert_class="cold"))
    assert (0, 0, 2.0) == (view.warm.alerts, view.cold.alerts, view.costs_eur.total)


def test_R20_what_people_must_judge_stands_there_by_name_and_is_empty() -> None:
    told = json.decode(json.encode(one()))
    empty = ("quality", "acted_on", "crime_and_nuisance", "feeling_of_safety", "relation_with_police")
    assert dict.fromkeys(empty) == {name: told[name] for name in empty}
    assert ("2026-01-01", "2026-12-31") == (told["from"], told["to"])


def test_R21_costs_stand_by_payer_and_add_up() -> None:
    costs = one(row("A"), row("B", mode="exercise")).costs_eur
    assert (1.0, 0.6, 0.4, 0.0, 0.0, 2.0) == (
        costs.municipality, costs.zone, costs.members, costs.unagreed, costs.sender, costs.total,
    )  # fmt: skip


def test_books_of_others_are_passed_over() -> None:
    assert 0 == one(row("A", name="N2")).warm.alerts


def test_R20_a_table_has_one_line_a_place_under_the_same_heads() -> None:
    view = one(row("A"))
    line = dict(zip(COLUMNS, table_row(view), strict=True))
    assert ("N1", 1, 5, "", "", 95) == (
        line["id"], line["warm_alerts"], line["warm_reached"], line["cold_reached_s_p50"], line["quality"],
        line["members_at_end"],
    )  # fmt: skip
    assert 1.0 == line["costs_eur_total"]


def instant(words: str) -> int:
    return round(datetime.fromisoformat(words).astimezone(UTC).timestamp() * 1000)


def test_R20_a_period_is_of_whole_days_in_brussels() -> None:
    """Right across the change of the clocks; both days belong to it."""
    period = read_period("2026-03-29", "2026-03-29", NOW)
    assert instant("2026-03-29T00:00:00+01:00") == period.starts_at
    assert instant("2026-03-30T00:00:00+02:00") == period.ends_at


def test_R20_without_days_it_is_the_last_year() -> None:
    period = read_period(None, None, NOW)
    assert ("2025-11-23", "2026-11-22") == (period.since, period.until)


@pytest.mark.parametrize(
    ("since", "until", "at"),
    [
        ("2026-02-30", None, "from"),
        ("2026-1-1", None, "from"),
        ("1999-12-31", "2026-01-01", "from"),
        (None, "2200-01-01", "to"),
        ("2026-01-02", "2026-01-01", "from"),
    ],
)
def test_R20_what_is_no_period_is_refused_by_name(since: str | None, until: str | None, at: str) -> None:
    with pytest.raises(InputError) as caught:
        read_period(since, until, NOW)
    assert ("invalid", at, "R20") == (caught.value.problem.name, caught.value.problem.at, caught.value.problem.rule)
