"""Processes that hang under `klaroen serve`: stopped by a signal, as a wedged one stands still too."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

WAIT_S = 60.0
HUNG_S = 3.0
"""Instead of 15 s, so that the test is short: on a machine too busy for it, a process comes back once more."""
SERVE = f"""
import sys
from klaroen import supervisor
from klaroen.cli import main
supervisor.HUNG_S = {HUNG_S}
raise SystemExit(main(sys.argv[1:]))
"""
CONFIGURATION = """
data_dir = "{data_dir}"
[edge]
listen = "127.0.0.1:0"
[metrics]
edge = "127.0.0.1:0"
dispatch = "127.0.0.1:0"
voice = "127.0.0.1:0"
[[carrier]]
name = "trunk"
kind = "sip"
channels = ["voice"]
host = "127.0.0.1"
port = 9
"""


def until(holds: Callable[[], bool], words: Callable[[], str]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not holds():
        assert time.monotonic() < deadline, words()
        time.sleep(0.05)


def test_each_process_that_hangs_is_ended_and_started_again(tmp_path: Path) -> None:
    """All three at once, by SIGSTOP, which SIGTERM would not end; then the system stops in order."""
    config, log = tmp_path / "klaroen.toml", tmp_path / "log"
    config.write_text(CONFIGURATION.format(data_dir=tmp_path / "data"))
    line = [sys.executable, "-c", SERVE, "--config", str(config), "serve"]

    def served() -> dict[str, int]:
        """The latest of each role that was heard."""
        told = [json.loads(line) for line in log.read_text().splitlines() if line.endswith("}")]
        return {one["role"]: one["pid"] for one in told if one["event"] == "serves"}

    with log.open("wb") as file, subprocess.Popen(line, stdout=file, stderr=file) as serve:
        try:
            until(lambda: served().keys() == {"edge", "dispatch", "voice"}, log.read_text)
            before = served()
            for pid in before.values():
                os.kill(pid, signal.SIGSTOP)
            until(lambda: not before.items() & served().items(), log.read_text)
            serve.terminate()
            assert serve.wait(WAIT_S) == 0, log.read_text()
        finally:
            serve.kill()
    assert log.read_text().count("says nothing any more, and is killed") >= len(before)
