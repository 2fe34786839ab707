"""A real Prometheus on a free port, and the queries that we ship for it.

Law: the server keeps everything in the directory it is given and is gone when the block ends.
"""

import json
import re
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
import yaml

CONFIG = Path(__file__).parents[2] / "config"
RULES = CONFIG / "prometheus" / "klaroen.rules.yml"
DASHBOARD = CONFIG / "grafana" / "klaroen.json"
ONLY_WITH_TLS = "klaroen_certificate_expiry_seconds"

needs_prometheus = pytest.mark.skipif(
    shutil.which("prometheus") is None or shutil.which("promtool") is None,
    reason="peer not installed: prometheus (tests/peers.sh)",
)

_METRIC = re.compile(r"klaroen_[a-z_]+")


def panel_queries(rate_interval: str = "5m", shown: str = "15m") -> dict[str, list[str]]:
    """Return each panel's queries by its title, with Grafana's variables filled in."""
    return {
        panel["title"]: [
            target["expr"].replace("$__rate_interval", rate_interval).replace("$__range", shown)
            for target in panel["targets"]
        ]
        for panel in json.loads(DASHBOARD.read_text())["panels"]
        if panel["type"] != "row"
    }


def rule_queries() -> dict[str, str]:
    """Return each alert rule's expression by its name. It gives series only while the alert fires."""
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return {rule["alert"]: rule["expr"] for group in groups for rule in group["rules"]}


def metrics_in(query: str) -> set[str]:
    """Return the series that a query reads: what must exist for it ever to say anything."""
    return set(_METRIC.findall(query))


class Prometheus:
    """The HTTP API of a running server."""

    def __init__(self, url: str) -> None:
        self.url = url

    def query(self, expression: str) -> Sequence[Mapping[str, object]]:
        """Return the series that an instant query gives now; raises HTTPError where Prometheus cannot read it."""
        answer = self._get(f"/api/v1/query?query={quote(expression)}")
        series: Sequence[Mapping[str, object]] = answer["data"]["result"]
        return series

    def firing(self) -> set[str]:
        """Return the names of the alerts that fire or are about to."""
        return {alert["labels"]["alertname"] for alert in self._get("/api/v1/alerts")["data"]["alerts"]}

    def scraped(self) -> bool:
        """Whether every target has answered."""
        targets = self._get("/api/v1/targets")["data"]["activeTargets"]
        return bool(targets) and all(target["health"] == "up" for target in targets)

    def _get(self, path: str) -> dict:
        with urllib.request.urlopen(self.url + path, timeout=5) as answer:
            return json.load(answer)


@contextmanager
def prometheus(directory: Path, targets: Sequence[str], interval: str = "200ms") -> Iterator[Prometheus]:
    """Run a Prometheus that scrapes these `host:port` and evaluates our rules, until the block ends."""
    shutil.copy(RULES, directory)
    config = {
        "global": {"scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": interval},
        "rule_files": [RULES.name],
        "scrape_configs": [{"job_name": "klaroen", "static_configs": [{"targets": list(targets)}]}],
    }
    (directory / "prometheus.yml").write_text(yaml.safe_dump(config))
    with socket.create_server(("127.0.0.1", 0)) as probe:
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    with (directory / "prometheus.log").open("wb") as log:
        server = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={directory / 'prometheus.yml'}",
                f"--storage.tsdb.path={directory / 'tsdb'}",
                f"--web.listen-address={address}",
            ],
            stdout=log,
            stderr=log,
        )
        try:
            peer = Prometheus(f"http://{address}")
            until(lambda: _ready(server, peer.url, directory / "prometheus.log"), "Prometheus is ready")
            yield peer
        finally:
            server.terminate()
            server.wait(timeout=10)


def until(holds: Callable[[], bool], words: str, seconds: float = 15.0) -> None:
    """Return once it holds: a real server, in another process, has its own time."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s: {words}"
        time.sleep(0.05)


def _ready(server: subprocess.Popen[bytes], url: str, log: Path) -> bool:
    assert server.poll() is None, log.read_text()
    try:
        with urllib.request.urlopen(f"{url}/-/ready", timeout=1) as answer:
            return answer.status == 200
    except (urllib.error.URLError, TimeoutError):
        return False
