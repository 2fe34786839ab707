"""The tree of commands, and the one place where what went wrong becomes words and an exit code."""

import os
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Final

from cyclopts import App, CycloptsError, Group, Parameter

from klaroen.cli.alerts import alert
from klaroen.cli.audit import audit
from klaroen.cli.backups import backup, restore
from klaroen.cli.context import DONE, FAILED, USAGE, CommandFault, Context
from klaroen.cli.evaluate import evaluate
from klaroen.cli.laboratory import bench, demo
from klaroen.cli.members import member
from klaroen.cli.officers import officer
from klaroen.cli.processes import config, dispatch, edge, serve, voice
from klaroen.cli.register import register
from klaroen.cli.simulation import simulate
from klaroen.cli.speech import speech
from klaroen.cli.tokens import token

EPILOGUE: Final = "Exit codes: 0 done, 1 failed, 2 wrong usage, 78 wrong configuration (every fault at once)."
INTERRUPTED: Final = 128 + 2
"""As shells count it: ended by SIGINT."""

app = App(
    name="klaroen",
    help="Alert fan-out for neighbourhood information networks: nothing lost, nothing twice, nothing altered.",
    help_epilogue=EPILOGUE,
    help_format="plaintext",  # Markdown costs a fifth of a second
    suppress_keyboard_interrupt=False,
    version=lambda: version("klaroen"),
)
for command in (serve, edge, dispatch, voice, backup, restore, demo, simulate, evaluate):
    app.command(command)
for group in (alert, register, member, token, officer, audit, speech, config, bench):
    app.command(group)
app.meta.suppress_keyboard_interrupt = False
app.meta.group_parameters = Group("Options of every command")


@app.meta.default
def launch(
    *tokens: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
    config: Path | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Run one command.

    Parameters
    ----------
    config
        The configuration file; else KLAROEN_CONFIG; else embedded defaults in ./klaroen-data.
    json
        Print one JSON object on stdout, and nothing else.
    """
    chosen, bound, ignored = app.parse_args(tokens, exit_on_error=False, print_error=False)
    context = Context(config, json, dict(os.environ))
    if "context" in ignored:  # all but --help and --version
        bound.arguments["context"] = context
    try:
        code = chosen(*bound.args, **bound.kwargs)
    except CommandFault as fault:
        return _fail(context, str(fault), fault.details, fault.code)
    return code if isinstance(code, int) else DONE


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that the arguments (by default this process's) name; return the exit code."""
    tokens = list(sys.argv[1:] if arguments is None else arguments)
    try:
        code: int | None = app.meta(tokens, exit_on_error=False, print_error=False, result_action="return_value")
    except CycloptsError as error:
        words = f"{error}\nklaroen --help lists the commands; klaroen COMMAND --help explains one."
        return _fail(Context(None, "--json" in tokens, {}), words, {}, USAGE)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our pipe has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    return code or DONE


def _fail(context: Context, words: str, details: Mapping[str, Any], code: int) -> int:
    context.say(f"klaroen: {words}")
    if context.json:
        context.answer({"error": words, **details})
    return code
