"""`klaroen member`: what a person may ask for: everything that is held of them, and to be forgotten."""

from cyclopts import App

from klaroen.cli.context import Here

member = App(name="member", help="Export everything that is held of a person, or erase it.")


@member.command
def export(name: str, *, context: Here) -> None:
    """Print everything that is held of a person, as JSON. The audit trail says that it was asked for.

    Parameters
    ----------
    name
        The member's id in the register.
    """
    import msgspec

    from klaroen.cli.asking import ask
    from klaroen.core.upkeep import ExportMember, PersonView

    view = ask(context, ExportMember(name), PersonView)
    context.answer(msgspec.to_builtins(view), msgspec.json.format(msgspec.json.encode(view), indent=2).decode())


@member.command
def erase(name: str, *, context: Here) -> None:
    """Erase a person's name, numbers and addresses from every version of the register, from memory and from the log.

    Ids, memberships and counts stay, without the person. Nothing more is handed over, also of what is under way.
    Backups and exported files are not ours to change. A coordinator in office is relieved first.

    Parameters
    ----------
    name
        The member's id in the register.
    """
    import msgspec

    from klaroen.cli.asking import ask
    from klaroen.core.upkeep import ErasedView, EraseMember

    view = ask(context, EraseMember(name), ErasedView)
    words = [f"{name} is erased: {view.rows} versions of the person, {view.networks} networks as coordinator."]
    if not view.log_emptied:
        words.append("The store's log could not be emptied: somebody reads it all the while. Erase again later.")
    context.answer(msgspec.to_builtins(view), *words)
