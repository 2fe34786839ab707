"""`klaroen register`: zones, networks and members, all or nothing."""

from pathlib import Path
from typing import Annotated, Final

from cyclopts import App, Parameter
from cyclopts.types import NonNegativeInt
from msgspec import structs

from klaroen.cli.context import Here

FILES: Final = ("zones.jsonl", "networks.jsonl", "members.csv")

register = App(name="register", help="Import, check and export zones, networks and members.")


@register.command(name="import")
def import_register(
    zones: Path,
    networks: Path,
    members: Path,
    *,
    network: Annotated[list[str] | None, Parameter(negative="", consume_multiple=False)] = None,
    allow_removal: NonNegativeInt = 0,
    context: Here,
) -> None:
    """Replace the register by these files: all of it or, where one line has a fault, nothing.

    Parameters
    ----------
    zones
        zones.jsonl: a police zone a line.
    networks
        networks.jsonl: a network a line.
    members
        members.csv: a membership a row.
    network
        Import this network alone. Repeat for more.
    allow_removal
        How many members may go; an import that would remove more than 2 % of them asks for it.
    """
    from klaroen.cli.asking import ask
    from klaroen.core.calls import ImportedView, ImportRegister

    question = ImportRegister(
        str(zones.absolute()), str(networks.absolute()), str(members.absolute()), tuple(network or ()), allow_removal
    )
    view = ask(context, question, ImportedView)
    words = f"{view.zones} zones, {view.networks} networks, {view.members} members, {view.memberships} memberships."
    context.answer(structs.asdict(view), words)


@register.command
def check(*, context: Here) -> None:
    """List what the register lacks: members whom no plan can reach, and why."""
    from klaroen.cli.asking import ask
    from klaroen.core.calls import CheckRegister

    findings = ask(context, CheckRegister(), tuple[str, ...])
    context.answer({"findings": list(findings)}, *findings, f"{len(findings)} findings.")


@register.command
def export(directory: Path = Path("klaroen-register"), *, context: Here) -> None:
    """Write the three files of the register into a directory.

    Parameters
    ----------
    directory
        Made if it is missing.
    """
    from klaroen.cli.asking import ask
    from klaroen.core.calls import ExportRegister

    where = directory.absolute()
    ask(context, ExportRegister(str(where)), type(None))
    files = [str(where / name) for name in FILES]
    context.answer({"directory": str(where), "files": files}, *files)
