"""`klaroen evaluate`: what the messages of a period came to, and who carries what they cost (R20, R21)."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from klaroen.cli.context import USAGE, CommandFault, Here

if TYPE_CHECKING:
    from klaroen.core.evaluation import EvaluationView

HEAD = (
    "level", "id", "members", "warm", "reached", "median s", "cold", "reached", "other", "exercises", "confirmed",
    "feedback", "cost €",
)  # fmt: skip


def evaluate(
    *,
    since: Annotated[str, Parameter(name="--from")],
    until: Annotated[str, Parameter(name="--to")],
    network: Annotated[list[str] | None, Parameter(negative="", consume_multiple=False)] = None,
    as_: Annotated[Literal["table", "csv"], Parameter(name="--as")] = "table",
    context: Here,
) -> None:
    """Evaluate networks, zones, senders and the country over a period.

    Warm and cold messages, crisis and public interest apart, exercises apart, drills never. Columns that people must
    fill in themselves (quality, how far messages were acted on, crime and nuisance, feeling of safety, relation with
    the police) are there, and empty.

    Parameters
    ----------
    since
        The first day of the period, such as 2026-01-01.
    until
        The last day of the period, included.
    network
        A network's id; repeat for more. Without one: everything.
    as_
        A table to read, or csv for a spreadsheet; --json says everything.
    """
    import msgspec

    from klaroen.cli.asking import ask
    from klaroen.core.calls import Evaluate
    from klaroen.core.evaluation import EvaluationPage

    if context.json and as_ == "csv":
        raise CommandFault("--json and --as csv are two answers: choose one.", code=USAGE)
    page = ask(context, Evaluate(since, until, tuple(network or ())), EvaluationPage)
    if as_ == "csv":
        context.answer({}, *_csv(page.items))
        return
    context.table(msgspec.to_builtins(page), HEAD, [_line(view) for view in page.items])


def _csv(views: "tuple[EvaluationView, ...]") -> list[str]:
    import csv
    import io

    from klaroen.core.evaluation import COLUMNS, table_row

    sheet = io.StringIO()
    writer = csv.writer(sheet, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(table_row(view) for view in views)
    return sheet.getvalue().splitlines()


def _line(view: "EvaluationView") -> list[Any]:
    warm, cold = view.warm, view.cold
    other = view.crisis.alerts + view.public_interest.alerts
    sections = (view.crisis, warm, view.public_interest, cold)
    people = "" if view.members_at_end is None else f"{_known(view.members_at_start)} → {view.members_at_end}"
    return [
        view.level, view.id or "Belgium", people,
        warm.alerts, _share(warm.reached, warm.members), _known(warm.reached_s["p50"]),
        cold.alerts, _share(cold.reached, cold.members), other, view.exercises.alerts,
        sum(section.confirmed for section in sections), sum(section.with_feedback for section in sections),
        f"{view.costs_eur.total:.2f}",
    ]  # fmt: skip


def _known(value: float | None) -> str:
    return "?" if value is None else f"{value:g}"


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else ""
