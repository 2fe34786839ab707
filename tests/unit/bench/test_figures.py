"""What benchmarks say: medians, percentiles from enough samples only, ratios, and one JSON object."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from klaroen_bench.arrivals import arrivals_ms, mark
from klaroen_bench.carriers.ledger import ACCEPTED, HANDSET, Entry, Heading, write_ledger
from klaroen_bench.figures import machine, median_of, percentiles, ratio, say, workshop
from klaroen_bench.hotspots import read_stacks
from klaroen_bench.poisson import Order, post_at_random


def test_no_percentile_is_told_from_fewer_than_500_samples() -> None:
    assert percentiles(range(499)) == {"p50": None, "p99": None}
    assert percentiles(range(500)) == {"p50": 250, "p99": 495}
    assert percentiles(range(1000), 0.999) == {"p99.9": 999}


def test_the_median_of_several_runs_is_taken_of_each_figure() -> None:
    runs = [
        {"per_s": per_s, "cpu_s": {"edge": edge}, "ok": True, "p99": None, "name": "x"}
        for per_s, edge in ((30, 0.1), (10, 0.4), (20, 0.2))
    ]
    assert median_of(runs) == {"per_s": 20, "cpu_s": {"edge": 0.2}, "ok": True, "p99": None, "name": "x"}


def test_a_ratio_is_ours_over_theirs() -> None:
    assert ratio(30.0, 20.0) == 1.5
    assert ratio(None, 20.0) is None
    assert ratio(30.0, 0.0) is None


def test_every_report_says_what_was_measured_and_on_what() -> None:
    found = machine()
    assert set(found) == {"machine", "cores", "commit"}
    assert found["cores"] >= 1


def test_json_is_one_object_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    report = {"runs": 3, "flood": {"per_s": 1}, "where": None}
    say(report, as_json=True, title="x")
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert json.loads(out) == report


def test_people_read_tables(capsys: pytest.CaptureFixture[str]) -> None:
    report = {
        "runs": 3,
        "conditions": {"late": 0.05, "drain_per_s": None},
        "burst": {"alerts": 400, "accept_ms": {"p50": 1.5, "p99": None}},
        "rows": [{"name": "ours", "per_s": 20_000}, {"name": "theirs", "ratio": 2.0}],
        "by_condition": {"idle": {"alerts": 500}},
    }
    say(report, as_json=False, title="A bench")
    out = capsys.readouterr().out
    for words in ("A bench", "drain_per_s –", "20,000", "theirs", "1.5 / –", "by_condition"):
        assert words in out


@pytest.mark.parametrize("keep", [False, True])
def test_a_benchmarks_data_goes_unless_it_is_kept(keep: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with workshop("x", keep=keep) as directory:
        (directory / "file").touch()
    assert directory.exists() == keep


def test_functions_are_ranked_by_the_samples_that_end_in_them() -> None:
    raw = "main;run;send 30\nmain;run 10\nmain;run;send 20\nmain;wait (x.py:1) 40\n"
    assert read_stacks(raw) == [
        {"function": "send", "share": 0.5},
        {"function": "wait (x.py:1)", "share": 0.4},
        {"function": "run", "share": 0.1},
    ]
    assert read_stacks("") is None


def test_a_copy_is_known_by_the_mark_in_its_text(tmp_path: Path) -> None:
    """Whatever else came to the same number."""
    path = tmp_path / "ledger"
    entries = [
        Entry(5_000_000, ACCEPTED, b"32470000000", b"Inbraak. Bel 101." + mark(7).encode()),
        Entry(9_000_000, HANDSET, b"32470000000", b"Inbraak. Bel 101." + mark(7).encode()),
        Entry(9_500_000, HANDSET, b"32470000000", b"Inbraak. Bel 101."),
        Entry(9_700_000, HANDSET, b"32470000001", b"Inbraak. Bel 101." + mark(123_456).encode()),
    ]
    write_ledger(path, Heading("alpha", "sms", "smpp"), iter(entries))
    assert arrivals_ms([path]) == {7: [9.0], 123_456: [9.7]}


class StallingServer(ThreadingHTTPServer):
    """Answers nobody until so many requests have come."""

    daemon_threads = True

    def __init__(self, requests: int) -> None:
        super().__init__(("127.0.0.1", 0), Stall)
        self.all_here = threading.Barrier(requests)


class Stall(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: StallingServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.all_here.wait(20)
        answer = json.dumps({"key": self.headers["Idempotency-Key"], "body": body.decode()}).encode()
        self.send_response(202)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *words: object) -> None:
        pass


def test_no_request_waits_for_the_answer_to_another() -> None:
    """A client that waited would hide how long the system stalled; each is timed from when it was meant to leave."""
    count = 8
    server = StallingServer(count)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        orders = [Order(f"k{i}", str(i).encode()) for i in range(count)]
        shots = post_at_random(server.server_address[1], "token", orders, 500.0, seed=1)
    finally:
        server.shutdown()
        server.server_close()
    assert [shot.answer for shot in shots] == [{"key": f"k{i}", "body": str(i)} for i in range(count)]
    intended = [shot.intended_at_s for shot in shots]
    assert sorted(intended) == intended
    assert min(shot.answered_at_s for shot in shots) >= intended[-1]
    assert shots[0].accept_ms >= (intended[-1] - intended[0]) * 1000


def test_a_connection_that_fails_is_no_sample() -> None:
    with pytest.raises(OSError, match="refused"):
        post_at_random(1, "token", [Order("k", b"{}")], 1000.0, seed=1)
