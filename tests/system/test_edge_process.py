"""The edge as systemd or the supervisor runs it: pid, ports, metrics, TLS, SIGTERM."""

import signal
import ssl
import subprocess
import time
from pathlib import Path

import httpx
import msgspec
import pytest
from tests.system.edge_process import dispatch_thread, edge_process, edge_settings, wait_ports
from tests.unit.edge import samples

from klaroen.rundir import read_pid
from klaroen.settings import Edge

AUTHORIZATION = {"authorization": f"Bearer {samples.SECRET}"}


def get_ready(client: httpx.Client) -> httpx.Response:
    """Return the first answer of /readyz that says ready; it comes within a second of dispatch."""
    until_s = time.monotonic() + 10
    while (answer := client.get("/readyz")).status_code != 200:
        assert time.monotonic() < until_s, answer.text
    return answer


def test_it_serves_tells_where_and_stops_with_0(tmp_path: Path) -> None:
    with dispatch_thread(tmp_path) as dispatch, edge_process(edge_settings(tmp_path)) as process:
        ports = wait_ports(tmp_path, process)
        assert read_pid(tmp_path, "edge") == process.pid
        with httpx.Client(base_url=f"http://127.0.0.1:{ports['edge']}", trust_env=False) as client:
            get_ready(client)
            headers = AUTHORIZATION | {"idempotency-key": "k", "content-type": "application/json"}
            answer = client.post("/v1/alerts", content=samples.ALERT_BODY, headers=headers)
            assert (answer.status_code, answer.headers["location"]) == (202, "/v1/alerts/A1")
            assert len(dispatch.asks) == 1
            metrics = httpx.get(f"http://127.0.0.1:{ports['metrics_edge']}/metrics", trust_env=False).text
            assert 'klaroen_http_requests_total{route="/v1/alerts",status="202"} 1.0' in metrics
            assert 'klaroen_heartbeat_seconds{process="edge"}' in metrics
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0


def test_without_dispatch_it_serves_503_and_stops_with_0(tmp_path: Path) -> None:
    with edge_process(edge_settings(tmp_path)) as process:
        ports = wait_ports(tmp_path, process)
        with httpx.Client(base_url=f"http://127.0.0.1:{ports['edge']}", trust_env=False) as client:
            assert client.get("/healthz").status_code == 200
            assert client.get("/readyz").status_code == 503
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    """A directory with an authority, and certificates of the server and of the client "police"."""
    directory = tmp_path / "tls"
    directory.mkdir()

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=directory, check=True, capture_output=True)

    new = ("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl(*new, "-x509", "-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.pem", "-days", "2")
    for name, common in (("server", "localhost"), ("client", "police")):
        openssl(*new, "-subj", f"/CN={common}", "-keyout", f"{name}.key", "-out", f"{name}.csr",
                "-addext", "subjectAltName=IP:127.0.0.1")  # fmt: skip
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                "-out", f"{name}.pem", "-days", "2", "-copy_extensions", "copy")  # fmt: skip
    return directory


def test_a_client_certificate_speaks_for_the_token_that_it_names(tmp_path: Path, authority: Path) -> None:
    """TLS, with a certificate that is asked for and not required."""
    configured = edge_settings(tmp_path)
    edge = Edge(
        listen="127.0.0.1:0",
        tls_certificate=str(authority / "server.pem"),
        tls_key_file=str(authority / "server.key"),
        client_ca=str(authority / "ca.pem"),
    )
    with (
        dispatch_thread(tmp_path),
        edge_process(msgspec.structs.replace(configured, edge=edge)) as process,
    ):
        ports = wait_ports(tmp_path, process)
        base = f"https://127.0.0.1:{ports['edge']}"
        context = ssl.create_default_context(cafile=str(authority / "ca.pem"))
        with httpx.Client(base_url=base, verify=context, trust_env=False) as client:
            get_ready(client)
            assert client.get("/v1/alerts").status_code == 401
            assert client.get("/v1/alerts", headers=AUTHORIZATION).status_code == 200
        context.load_cert_chain(str(authority / "client.pem"), str(authority / "client.key"))
        with httpx.Client(base_url=base, verify=context, trust_env=False) as client:
            assert client.get("/v1/alerts").status_code == 200
            metrics = client.get("/metrics").text
        (line,) = [one for one in metrics.splitlines() if one.startswith("klaroen_certificate_expiry_seconds ")]
        assert 86_400 < float(line.split()[1]) < 3 * 86_400
