"""Questions to dispatch from the command line: over its socket while it runs, else by the same code on its data.

Law: a question is asked once. Where no dispatch answers the socket, the data directory's lock says whether one is on
its way; while somebody holds it, this waits and looks again, for a bounded time.
"""

import socket
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from klaroen.cli.context import CommandFault, Context
from klaroen.core.calls import Ask, Greet, Question, Told
from klaroen.core.frames import FrameError, Frames, frame, read_from_dispatch
from klaroen.rundir import RUN, SOCKET

if TYPE_CHECKING:
    from klaroen.settings import Settings

ANSWER_S: Final = 600.0
"""An import of the whole country reads and checks 100,000 members: seconds, or minutes on a slow and busy disk."""
START_S: Final = 15.0
"""A dispatch that holds the lock and not yet the socket is starting: it reads its standing alerts first."""
LOOK_AGAIN_S: Final = 0.2
READ_BYTES: Final = 1 << 16

T = TypeVar("T")


def ask(context: Context, question: Question, answer: type[T]) -> T:
    """Return dispatch's answer. Raises CommandFault with its problem, or with the faults of a register."""
    told = _told(context.settings(), question)
    if told.problem is not None:
        problem = told.problem
        words = "\n".join((problem.detail, *told.faults))
        raise CommandFault(words, details={"problem": problem.name, "faults": list(told.faults)})
    return msgspec.msgpack.decode(told.answer, type=answer)


def _told(settings: "Settings", question: Question) -> Told:
    from klaroen.store.errors import StoreBusyError

    until = monotonic() + START_S
    while True:
        told = ask_running(Path(settings.data_dir, RUN, SOCKET), question)
        if told is not None:
            return told
        try:
            return _answer_offline(settings, question)
        except StoreBusyError as error:
            if monotonic() >= until:
                words = f"{error}, and does not answer: is it dispatch, and does it start?"
                raise CommandFault(words) from None
            sleep(LOOK_AGAIN_S)


def _answer_offline(settings: "Settings", question: Question) -> Told:
    from klaroen.core.errors import StoreUnavailableError
    from klaroen.dispatch.offline import answer_offline
    from klaroen.register.keys import KeyFault
    from klaroen.store.errors import SchemaNewerError, StoreCorruptError

    try:
        return answer_offline(settings, question)
    except (StoreUnavailableError, SchemaNewerError, StoreCorruptError, KeyFault) as error:
        raise CommandFault(str(error)) from None
    except OSError as error:
        raise CommandFault(f"{settings.data_dir} cannot be used: {error}") from None


def ask_running(path: Path, question: Question) -> Told | None:
    """Return what the dispatch behind this socket tells, or None if there is none.

    Raises CommandFault where it goes away in the middle, or will not talk to this user.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(ANSWER_S)
        try:
            line.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            return None
        except PermissionError:
            raise CommandFault(f"{path} belongs to another user: run this as the user who runs klaroen.") from None
        except OSError as error:  # a path longer than 108 bytes
            raise CommandFault(f"{path}: {error}") from None
        try:
            line.sendall(frame(Greet("cli")) + frame(Ask(1, None, question)))
            return _read(line)
        except TimeoutError:
            raise CommandFault(f"Dispatch did not answer within {ANSWER_S:.0f} s; it may still do it.") from None
        except (OSError, FrameError):
            words = "Dispatch went away before it answered: it may have done it or not; look before you repeat."
            raise CommandFault(words) from None


def _read(line: socket.socket) -> Told:
    frames = Frames()
    while received := line.recv(READ_BYTES):
        for body in frames.feed(received):
            message = read_from_dispatch(body)
            if isinstance(message, Told) and message.number == 1:
                return message
    raise ConnectionResetError
