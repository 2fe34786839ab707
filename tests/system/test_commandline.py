"""The command line as a shell sees it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

WAIT_S = 60.0


def klaroen(*arguments: str, cwd: Path, **environ: str) -> "subprocess.CompletedProcess[str]":
    clean = {name: value for name, value in os.environ.items() if not name.startswith("KLAROEN_")}
    return subprocess.run(
        [sys.executable, "-m", "klaroen", *arguments],
        cwd=cwd,
        env={**clean, **environ},
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )


def test_help_is_quick_because_it_imports_little(tmp_path: Path) -> None:
    """Each command imports what it runs when it runs."""
    heavy = "{'trio', 'asyncio', 'httpx', 'uvicorn', 'sqlite3', 'shapely', 'numpy', 'ssl', 'phonenumbers'}"
    code = f"import sys, klaroen.cli; sys.exit(str({heavy} & set(sys.modules)) if {heavy} & set(sys.modules) else 0)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=WAIT_S, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    shown = klaroen("--help", cwd=tmp_path)
    assert shown.returncode == 0
    for command in ("serve", "edge", "dispatch", "demo", "config", "token", "register", "alert", "bench"):
        assert command in shown.stdout


@pytest.mark.parametrize(("arguments", "code"), [(["--version"], 0), (["alert", "send"], 2), (["nonsense"], 2)])
def test_exit_codes_reach_the_shell(tmp_path: Path, arguments: list[str], code: int) -> None:
    """0 done, 2 usage; no traceback for the user's faults."""
    ran = klaroen(*arguments, cwd=tmp_path)
    assert ran.returncode == code
    assert "Traceback" not in ran.stderr


def test_serve_does_not_start_on_a_wrong_configuration(tmp_path: Path) -> None:
    """78, every fault at once, and nothing is made."""
    (tmp_path / "k.toml").write_text('data_dir = ""\nports = 1\n')
    ran = klaroen("serve", "--json", cwd=tmp_path, KLAROEN_CONFIG="k.toml")
    assert ran.returncode == 78
    assert {fault["key"] for fault in json.loads(ran.stdout)["faults"]} == {"data_dir", "ports"}
    assert [path.name for path in tmp_path.iterdir()] == ["k.toml"]


def test_a_command_that_talks_http_needs_a_token(tmp_path: Path) -> None:
    """And says how to get one, before it sends anything."""
    (tmp_path / "alert.json").write_text("{}")
    ran = klaroen("alert", "send", "alert.json", cwd=tmp_path)
    assert ran.returncode == 2
    assert "klaroen token create" in ran.stderr
