"""The commands that run processes: what they pass on, and how an operator's fault is told."""

import errno
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest

from klaroen import children, cli, supervisor, telemetry
from klaroen.children import AlreadyRunningError
from klaroen.settings import Settings
from klaroen.store.errors import SchemaNewerError, StoreBusyError, StoreCorruptError
from klaroen.systemd import Unit

Run = Callable[[Settings, Unit], int]
Provide = Callable[[str, str, Run], None]


@pytest.fixture
def line(tmp_path: Path) -> list[str]:
    """The option that names a configuration with its data in a directory of the test's own."""
    path = tmp_path / "k.toml"
    path.write_text(f'data_dir = "{tmp_path}/data"\n[dispatch]\ndrain_s = 3.0\n')
    return ["--config", str(path)]


@pytest.fixture
def provide(monkeypatch: pytest.MonkeyPatch) -> Provide:
    """Put a function in the place of a process's own."""

    def put(module: str, name: str, run: Run) -> None:
        there = ModuleType(module)
        there.__dict__[name] = run
        monkeypatch.setitem(sys.modules, module, there)

    return put


def failing(error: Exception) -> Run:
    def run(_: Settings, _unit: Unit) -> int:
        raise error

    return run


def test_a_process_gets_the_settings_and_gives_its_exit_code(line: list[str], provide: Provide, tmp_path: Path) -> None:
    """One function each, given everything."""
    given: list[Settings] = []
    provide("klaroen.edge.serve", "run_edge", lambda settings, _: given.append(settings) or 0)
    provide("klaroen.dispatch.run", "run_dispatch", lambda settings, _: given.append(settings) or 1)
    assert cli.main(["edge", *line]) == 0
    assert cli.main([*line, "dispatch"]) == 1
    assert [settings.data_dir for settings in given] == [f"{tmp_path}/data"] * 2


@pytest.mark.parametrize("error", [StoreBusyError(Path("d"), 7), SchemaNewerError(Path("d"), 9, 1)])
def test_a_store_that_cannot_be_owned_exits_1_with_words(
    line: list[str], provide: Provide, capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    """A second dispatch on the same data exits 1."""
    provide("klaroen.dispatch.run", "run_dispatch", failing(error))
    assert cli.main(["dispatch", *line]) == 1
    assert capsys.readouterr().err == f"klaroen: {error}.\n"


def test_a_damaged_store_is_told_with_what_to_do(
    line: list[str], provide: Provide, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody goes on with what may be wrong."""
    provide("klaroen.dispatch.run", "run_dispatch", failing(StoreCorruptError("It is torn")))
    assert cli.main(["dispatch", *line]) == 1
    told = "klaroen: It is torn. Nothing is guessed: restore a backup (klaroen restore).\n"
    assert capsys.readouterr().err == told


def test_a_port_that_is_taken_is_told(line: list[str], provide: Provide, capsys: pytest.CaptureFixture[str]) -> None:
    """Any other error is ours, and keeps its traceback."""
    provide("klaroen.edge.serve", "run_edge", failing(OSError(errno.EADDRINUSE, "in use")))
    assert cli.main(["edge", *line]) == 1
    assert "127.0.0.1:8080 cannot be listened at: Address already in use." in capsys.readouterr().err
    provide("klaroen.edge.serve", "run_edge", failing(OSError(errno.EIO, "broken")))
    with pytest.raises(OSError, match="broken"):
        cli.main(["edge", *line])


class FakeSupervisor:
    """Keeps how it was made, starts one child, and says that it is done."""

    made: dict[str, object]

    def __init__(self, spawn: Callable[[str], object], **options: object) -> None:
        FakeSupervisor.made = {**options, "child": spawn("edge")}

    def run(self) -> int:
        return 0


@pytest.fixture
def _served(monkeypatch: pytest.MonkeyPatch) -> None:
    def spawn(line: list[str], environ: Mapping[str, str]) -> tuple[list[str], str]:
        return line, environ["PATH"][:1]

    monkeypatch.setattr(supervisor, "Supervisor", FakeSupervisor)
    monkeypatch.setattr(children, "spawn", spawn)
    monkeypatch.setattr(telemetry, "configure_logging", lambda _: None)


@pytest.mark.usefixtures("_served")
def test_serve_supervises_edge_and_dispatch(line: list[str], tmp_path: Path) -> None:
    """Children name their role in their command line, and get the same configuration."""
    assert cli.main(["serve", *line]) == 0
    made = FakeSupervisor.made
    assert (made["roles"], made["data_dir"], made["drain_s"]) == (("edge", "dispatch"), tmp_path / "data", 3.0)
    assert made["child"] == ([sys.executable, "-m", "klaroen", "edge", *line], "/")


@pytest.mark.usefixtures("_served")
@pytest.mark.parametrize("error", [AlreadyRunningError("d is served"), PermissionError(13, "denied")])
def test_a_directory_that_cannot_be_served_exits_1(
    line: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    """Served already, or another user's."""

    @contextmanager
    def only_one(_: Path) -> Iterator[None]:
        raise error
        yield

    monkeypatch.setattr(children, "only_one", only_one)
    assert cli.main(["serve", *line]) == 1
    assert capsys.readouterr().err.startswith("klaroen: ")
