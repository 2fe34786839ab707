"""What every command gets, and the ways in which one ends.

Law: exit 0 done, 1 failed, 2 wrong usage, 78 wrong configuration. With `--json` stdout holds one JSON object and
nothing else, also when the command failed; words for people go to stderr.
"""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

from cyclopts import Parameter
from msgspec import Struct

if TYPE_CHECKING:
    from klaroen.settings import Settings

DONE: Final = 0
FAILED: Final = 1
USAGE: Final = 2
CONFIGURATION: Final = os.EX_CONFIG


class CommandFault(Exception):  # noqa: N818 - it is told, not raised at anybody
    """A command cannot be done: words for people, and what `--json` says beside them."""

    def __init__(self, words: str, *, code: int = FAILED, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(words)
        self.code = code
        self.details = details or {}


class Context(Struct, frozen=True):
    """The options that stand before or after any command, and the environment."""

    config: Path | None
    json: bool
    environ: Mapping[str, str]

    def settings(self) -> "Settings":
        """Raises CommandFault with every fault of the configuration."""
        from klaroen.configuration import ConfigurationFaults, load_settings

        try:
            return load_settings(self.config, self.environ)
        except ConfigurationFaults as error:
            faults = [{"key": fault.key, "reason": fault.words} for fault in error.faults]
            words = "\n".join(["The configuration has faults.", str(error)])
            raise CommandFault(words, code=CONFIGURATION, details={"ok": False, "faults": faults}) from None

    def answer(self, machine: Mapping[str, Any], *people: str) -> None:
        """Print the answer: the one object, or the lines."""
        if self.json:
            print(json.dumps(machine, ensure_ascii=False), flush=True)  # noqa: T201
        else:
            for line in people:
                print(line, flush=True)  # noqa: T201

    def table(self, machine: Mapping[str, Any], head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Print the answer as one object, or as a table."""
        if self.json:
            self.answer(machine)
            return
        from rich import box
        from rich.console import Console
        from rich.table import Table

        table = Table(*head, box=box.SIMPLE_HEAD)
        for row in rows:
            table.add_row(*("" if cell is None else str(cell) for cell in row))
        # What is piped into a file is not folded to the width of a screen that is not there.
        Console(width=None if sys.stdout.isatty() else 400, markup=False, highlight=False).print(table)

    def say(self, words: str) -> None:
        """Say something to a person who waits; it is no part of the answer."""
        print(words, file=sys.stderr, flush=True)  # noqa: T201


Here = Annotated[Context, Parameter(parse=False)]
"""The parameter through which a command gets its context."""
