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


@register.command
def versions(*, context: Here) -> None:
    """List the versions of the register: when each came into force, by whom, and how."""
    from klaroen.cli.asking import ask
    from klaroen.core.upkeep import ListVersions, VersionView

    views = ask(context, ListVersions(), tuple[VersionView, ...])
    context.table(
        {"versions": [structs.asdict(view) for view in views]},
        VersionView.__struct_fields__,
        [structs.astuple(view) for view in views],
    )


@register.command
def restore(version: int, *, allow_removal: NonNegativeInt = 0, context: Here) -> None:
    """Make an earlier version the one in force, as a new one. Who was erased since stays erased.

    Parameters
    ----------
    version
        As `register versions` lists it.
    allow_removal
        How many members may go; more than 2 % of them ask for it.
    """
    from klaroen.cli.asking import ask
    from klaroen.core.calls import ImportedView
    from klaroen.core.upkeep import RestoreVersion

    view = ask(context, RestoreVersion(version, allow_removal), ImportedView)
    words = f"{view.zones} zones, {view.networks} networks, {view.members} members, {view.memberships} memberships."
    context.answer(structs.asdict(view), words)


@register.command
def changes(*, reported: int | None = None, context: Here) -> None:
    """List changes of coordinators, officers, areas and plans, and which are still to be reported (R3).

    Parameters
    ----------
    reported
        Mark all changes up to this version as reported to the FPS Interior.
    """
    from klaroen.cli.asking import ask
    from klaroen.core.upkeep import ChangePage, ChangeView, ListChanges

    views = ask(context, ListChanges(reported), ChangePage).items
    context.table(
        {"changes": [structs.asdict(view) for view in views]},
        ChangeView.__struct_fields__,
        [structs.astuple(view) for view in views],
    )


@register.command
def rotate_key(*, context: Here) -> None:
    """Seal the register with a new key, and destroy the old one.

    Whatever lies about that the old key had sealed cannot be read any more: backups too, unless that key is kept.
    Interrupted, it goes on where it ended when it is run again.
    """
    from klaroen.cli.asking import ask
    from klaroen.core.upkeep import KeyView, RotateKey

    view = ask(context, RotateKey(), KeyView)
    context.answer(structs.asdict(view), f"Key {view.key} seals the register: {view.rows} rows sealed anew.")
