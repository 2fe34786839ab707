"""What is shipped: a wheel that holds engine, adapters, benchmarks and configuration, and nothing else."""

import configparser
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def wheel(tmp_path: Path) -> zipfile.ZipFile:
    build = [
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
        "-w",
        str(tmp_path),
        ".",
    ]
    subprocess.run([sys.executable, *build], cwd=ROOT, check=True, timeout=120)
    [path] = tmp_path.glob("klaroen-*-py3-none-any.whl")
    with zipfile.ZipFile(path) as opened:
        return opened


def test_the_wheel_holds_all_of_it_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    """Every module and every file of `config/`; no test, no lock; three import names that are ours."""
    shipped = {name for name in wheel.namelist() if ".dist-info/" not in name}
    expected = {
        path.relative_to(ROOT / top).as_posix()
        for top in ("engine", "adapters", "bench")
        for path in (ROOT / top).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    configuration = {
        f"klaroen/config/{path.relative_to(ROOT / 'config').as_posix()}"
        for path in (ROOT / "config").rglob("*")
        if path.is_file()
    }
    assert expected | configuration == shipped
    assert {"klaroen/config/klaroen.toml", "klaroen/py.typed", "klaroen/store/schema.sql"} <= shipped
    assert {"klaroen", "klaroen_adapters", "klaroen_bench"} == {name.partition("/")[0] for name in shipped}


def test_the_wheel_brings_the_command_and_the_licence(wheel: zipfile.ZipFile) -> None:
    """`klaroen` is its one command; the licence travels with it."""
    with zipfile.ZipFile(str(wheel.filename)) as opened:
        [entries] = [name for name in opened.namelist() if name.endswith(".dist-info/entry_points.txt")]
        parsed = configparser.ConfigParser()
        parsed.read_string(opened.read(entries).decode())
        assert {"klaroen": "klaroen.cli:main"} == dict(parsed["console_scripts"])
        [licence] = [name for name in opened.namelist() if name.endswith("/licenses/LICENSE")]
        assert (ROOT / "LICENSE").read_bytes() == opened.read(licence)
