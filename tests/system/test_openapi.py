"""`/openapi.json` is exact: what it allows is taken, what it forbids is refused, what comes back is as it says."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.system.edge_process import dispatch_thread, edge_process, edge_settings, wait_ports
from tests.unit.edge import samples

from klaroen.core.calls import ShowAlert, Tokens

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
SHOWN = 4_000
"""Characters of a failed run's report, at either end: it repeats whole bodies."""


@pytest.mark.slow
def test_a_stranger_who_reads_the_document_finds_no_fault(tmp_path: Path) -> None:
    """Schemathesis, over HTTP, with well-formed and malformed requests of every kind, and all of its checks."""
    with dispatch_thread(tmp_path) as dispatch, edge_process(edge_settings(tmp_path, 100_000.0)) as process:
        operator = samples.token("operator", samples.OPERATOR_SECRET, "operator")
        dispatch.tokens = Tokens((samples.token(), operator, samples.token("plain-gateway", "s1", "carrier", "plain")))
        dispatch.answers[ShowAlert] = samples.status("done")  # so that each stream ends
        ports = wait_ports(tmp_path, process)
        command = [
            *(str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(CONFIGURATION), "run"),
            f"http://127.0.0.1:{ports['edge']}/openapi.json",
            *("--wait-for-schema", "10", "--header", f"Authorization: Bearer {samples.SECRET}"),
            *("--checks", "all", "--seed", "20261121", "--no-color"),
        ]
        environment = os.environ | {"NO_PROXY": "127.0.0.1"}
        run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        report = run.stdout + run.stderr
        assert run.returncode == 0, f"{report[:SHOWN]}\n...\n{report[-SHOWN:]}"
        assert process.poll() is None
