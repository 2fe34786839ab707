"""Questions to dispatch from the command line: whom they reach, and what becomes of the answer."""

import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from types import ModuleType

import msgspec
import pytest

from klaroen.cli import asking
from klaroen.cli.context import CommandFault, Context
from klaroen.core.calls import Ask, Greet, ImportedView, ListTokens, Question, Readiness, RevokeToken, Told
from klaroen.core.errors import Problem, StoreUnavailableError
from klaroen.core.frames import Frames, frame, read_from_client
from klaroen.rundir import run_dir
from klaroen.settings import Settings
from klaroen.store.errors import SchemaNewerError, StoreBusyError, StoreCorruptError

Play = Callable[[socket.socket, list[object]], None]


@contextmanager
def dispatch(path: Path, play: Play) -> Iterator[list[object]]:
    """A dispatch that hears one client's greeting and question, and then plays its part."""
    heard: list[object] = []

    def serve() -> None:
        line, _ = door.accept()
        frames = Frames()
        with line:
            while len(heard) < 2:
                heard.extend(map(read_from_client, frames.feed(line.recv(4096))))
            play(line, heard)

    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(path))
        door.listen()
        served = Thread(target=serve)
        served.start()
        yield heard
        served.join()


def tells(told: Told) -> Play:
    return lambda line, _: line.sendall(frame(Readiness(ready=True, draining=False, words="")) + frame(told))


@pytest.fixture
def context(tmp_path: Path) -> Context:
    path = tmp_path / "klaroen.toml"
    path.write_text(f'data_dir = "{tmp_path}"\n')
    return Context(path, json=True, environ={})


@pytest.fixture
def socket_path(tmp_path: Path) -> Path:
    return run_dir(tmp_path) / "dispatch.sock"


def test_a_running_dispatch_is_asked_over_its_socket(context: Context, socket_path: Path) -> None:
    """As nobody but the command line: the kernel vouches for the user; pushes in between are passed over."""
    view = ImportedView(1, 2, 3, 4)
    with dispatch(socket_path, tells(Told(1, msgspec.Raw(msgspec.msgpack.encode(view))))) as heard:
        assert asking.ask(context, ListTokens(), ImportedView) == view
    assert heard == [Greet("cli"), Ask(1, None, ListTokens())]


def test_a_problem_is_told_with_every_fault(context: Context, socket_path: Path) -> None:
    """Of a register that was not imported: each fault by file and line."""
    told = Told(1, problem=Problem("invalid", "Nothing was imported."), faults=("members.csv:3: no number",))
    with dispatch(socket_path, tells(told)), pytest.raises(CommandFault) as caught:
        asking.ask(context, ListTokens(), ImportedView)
    assert str(caught.value) == "Nothing was imported.\nmembers.csv:3: no number"
    assert caught.value.details == {"problem": "invalid", "faults": ["members.csv:3: no number"]}


@pytest.mark.parametrize(
    "play",
    [
        lambda _line, _heard: None,
        lambda line, _: line.sendall(frame(Told(1))[:-1]),
        lambda line, _: line.sendall(b"\xff\xff\xff\xff"),
        lambda line, _: line.sendall((3).to_bytes(4, "big") + b"abc"),
    ],
)
def test_a_dispatch_that_goes_away_leaves_it_open(context: Context, socket_path: Path, play: Play) -> None:
    """It may have done it: it is not asked again."""
    with dispatch(socket_path, play), pytest.raises(CommandFault, match="may have done it or not"):
        asking.ask(context, RevokeToken("x"), type(None))


def test_a_dispatch_that_is_silent_is_not_waited_for_for_ever(
    context: Context, socket_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bounded, and told as what it is."""
    monkeypatch.setattr(asking, "ANSWER_S", 0.05)
    with (
        dispatch(socket_path, lambda line, _: line.recv(1) and None),
        pytest.raises(CommandFault, match="did not answer within"),
    ):
        asking.ask(context, RevokeToken("x"), type(None))


def test_where_none_runs_the_same_code_answers_on_the_data(
    context: Context, socket_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No socket, or one that nobody listens at: it was left by a process that was killed."""
    asked: list[tuple[Settings, Question]] = []

    def answer(settings: Settings, question: Question) -> Told:
        asked.append((settings, question))
        return Told(1)

    monkeypatch.setattr(asking, "_answer_offline", answer)
    asking.ask(context, RevokeToken("x"), type(None))
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(socket_path))
    asking.ask(context, RevokeToken("y"), type(None))
    assert [question for _, question in asked] == [RevokeToken("x"), RevokeToken("y")]
    assert asked[0][0].data_dir == context.settings().data_dir


def test_a_dispatch_that_is_starting_is_waited_for(
    context: Context, socket_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds the lock, and has no socket yet."""
    answers = [StoreBusyError(socket_path, 1), Told(1)]
    now = 0.0

    def answer(_settings: Settings, _question: Question) -> Told:
        told = answers.pop(0)
        if isinstance(told, StoreBusyError):
            raise told
        return told

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr(asking, "_answer_offline", answer)
    monkeypatch.setattr(asking, "sleep", sleep)
    monkeypatch.setattr(asking, "monotonic", lambda: now)
    asking.ask(context, RevokeToken("x"), type(None))
    assert now == asking.LOOK_AGAIN_S
    answers += [StoreBusyError(socket_path, 1)] * 1000
    with pytest.raises(CommandFault, match="belongs to process 1"):
        asking.ask(context, RevokeToken("x"), type(None))
    assert now == pytest.approx(asking.START_S, abs=2 * asking.LOOK_AGAIN_S)


def test_a_socket_path_that_is_too_long_is_told(tmp_path: Path) -> None:
    """108 bytes are the kernel's limit."""
    with pytest.raises(CommandFault, match="too long"):
        asking.ask_running(tmp_path / ("x" * 200) / "dispatch.sock", RevokeToken("x"))


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (StoreUnavailableError("disk full"), "disk full"),
        (SchemaNewerError(Path("d"), 9, 1), "d has schema version 9; this Klaroen knows versions up to 1"),
        (StoreCorruptError("It is torn"), "It is torn"),
        (PermissionError(13, "denied"), "cannot be used: [Errno 13] denied"),
    ],
)
def test_data_that_cannot_be_used_is_told(
    context: Context, monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
) -> None:
    """In words for whoever runs the system; no traceback."""

    def fail(_settings: Settings, _question: Question) -> Told:
        raise error

    offline = ModuleType("klaroen.dispatch.offline")
    offline.__dict__["answer_offline"] = fail
    monkeypatch.setitem(sys.modules, "klaroen.dispatch.offline", offline)
    with pytest.raises(CommandFault) as caught:
        asking.ask(context, RevokeToken("x"), type(None))
    assert str(caught.value).endswith(words)


def test_a_socket_of_another_user_is_told(monkeypatch: pytest.MonkeyPatch, socket_path: Path) -> None:
    """Only the user who runs klaroen commands it."""

    class Guarded(socket.socket):
        def connect(self, _address: object) -> None:
            raise PermissionError

    monkeypatch.setattr(asking.socket, "socket", Guarded)
    with pytest.raises(CommandFault, match="run this as the user who runs klaroen"):
        asking.ask_running(socket_path, RevokeToken("x"))
