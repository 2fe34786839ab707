"""Parts that fail under the running system: disk, descriptors, memory, socket. It says 503, loses nobody, and heals.

The last test audits every alert that was posted meanwhile.
"""

import os
import resource
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from http.client import HTTPException
from typing import Any

import pytest
from tests.system.failing import address_space_bytes, break_connections, descriptors, injected, limited

from klaroen_bench.audience import read_register
from klaroen_bench.audit import audit
from klaroen_bench.copies import read_copies
from klaroen_bench.rig import Rig
from klaroen_bench.rig_plan import Plan, SmsCarrier

pytestmark = pytest.mark.slow

WAIT_S = 60.0
POSTED: list[str] = []
"""By key, every alert that was answered 202."""
SPARE_BYTES = 4 << 20
"""Enough for a thread's first steps. Without it Python waits for ever for a thread that could not begin."""
CHANNELS = ("sms", "voice", "tts")


def order(key: str) -> dict[str, Any]:
    """Every test's alerts have words of their own, so that each is audited by itself."""
    return {"class": "warm", "targets": {"all": True}, "content": {"nl": {"text": f"Let op: {key}."}}}


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    carriers = (SmsCarrier("alpha", binds=1, window=50, rate_per_s=100.0),)
    plan = Plan(120, 4, 1, carriers=carriers, sms_s=2.0, call_s=4.0, grace_s=1.0, unjournaled_max=60)
    with Rig(tmp_path_factory.mktemp("failing"), plan) as running:
        yield running


def until(holds: Callable[[], bool], words: str, seconds: float = WAIT_S) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s: {words}"
        time.sleep(0.02)


def carriers_are_up(rig: Rig) -> bool:
    """One that waits to be connected again is ready too, but has nothing to break."""
    status, told = rig.get("/v1/carriers", "operator")
    return status == 200 and all(one["up"] for one in told["items"])


def tried(rig: Rig, key: str) -> tuple[int, Any]:
    """Return what a post is answered; (0, None) where nobody answers."""
    try:
        return rig.post("/v1/alerts", order(key), key=key.replace(" ", "_"))
    except (OSError, HTTPException, KeyError):
        return 0, None


def posted(rig: Rig, key: str) -> str:
    """Post until it is accepted."""
    told: list[Any] = []

    def accepted() -> bool:
        status, body = tried(rig, key)
        assert status in (0, 202, 503), body
        told.append(body)
        return status == 202

    until(accepted, f"{key} is accepted")
    POSTED.append(key)
    return str(told[-1]["id"])


def status_of(rig: Rig, alert: str) -> dict[str, Any]:
    with suppress(OSError, HTTPException, KeyError):
        status, body = rig.get(f"/v1/alerts/{alert}")
        if status == 200:
            return dict(body)
    return {}


def assert_sound(rig: Rig, *keys: str) -> None:
    """Every alert comes to its end, and of each the ledgers tell that nobody is lost or doubled unannounced."""
    register = read_register(*(rig.country / name for name in ("members.csv", "networks.jsonl", "zones.jsonl")))
    alerts = {key: posted(rig, key) for key in keys}
    for alert in alerts.values():
        until(lambda alert=alert: status_of(rig, alert).get("state") == "done", "the alert is over")
    rig.flush_ledgers()
    copies = [copy for path in rig.ledgers() for copy in read_copies(path)[0]]
    for key, alert in alerts.items():
        own = [copy for copy in copies if copy.text == order(key)["content"]["nl"]["text"]]
        deliveries = list(rig.deliveries(alert))
        report = audit(register, order(key), status_of(rig, alert), deliveries, own, carrier_channels=CHANNELS)
        assert (0, 0, 0) == (report.lost, report.duplicates, report.altered), report


@pytest.mark.parametrize(
    ("name", "calls", "fault"),
    [
        ("fsync fails", "fsync,fdatasync", "error=EIO"),
        ("no room", "pwrite64", "error=ENOSPC"),
        ("read-only", "pwrite64", "error=EROFS"),
        ("the disk fails", "pwrite64", "error=EIO"),
    ],
)
def test_while_the_disk_refuses_nothing_is_accepted_and_it_heals(rig: Rig, name: str, calls: str, fault: str) -> None:
    """503 with Retry-After, not ready; afterwards the same process takes alerts, and the one under way is completed."""
    posted(rig, f"{name}, before")
    dispatch = rig.pid("dispatch")
    with injected(dispatch, calls, fault):
        until(lambda: tried(rig, f"{name}, meanwhile")[0] == 503, "an alert is refused")
        until(lambda: not rig.is_ready(), "the edge is not ready")
        assert 503 == tried(rig, f"{name}, meanwhile")[0]
    posted(rig, f"{name}, meanwhile")
    until(rig.is_ready, "it is ready again")
    assert dispatch == rig.pid("dispatch"), "it heals without a restart"


def test_a_slow_disk_makes_it_slow_and_nothing_else(rig: Rig) -> None:
    """Each fsync takes 0.3 s: alerts are accepted, receipts acknowledged, and nobody is taken for dead."""
    dispatch = rig.pid("dispatch")
    with injected(dispatch, "fsync,fdatasync", "delay_exit=300000"):
        began = time.monotonic()
        status, _ = tried(rig, "slow")
        assert (202, True) == (status, 0.3 < time.monotonic() - began < 5.0)
        assert rig.is_ready()
    posted(rig, "slow")
    assert dispatch == rig.pid("dispatch")


def test_an_edge_without_descriptors_takes_callers_again_when_it_has_some(rig: Rig) -> None:
    """Who is connected is served; who comes new waits or is turned away, and is taken as soon as there is room."""
    edge = rig.pid("edge")
    assert rig.is_ready()
    address = ("127.0.0.1", rig.ports()["edge"])
    with limited(edge, resource.RLIMIT_NOFILE, descriptors(edge)), ExitStack() as stack:
        crowd = [stack.enter_context(socket.create_connection(address, timeout=5.0)) for _ in range(20)]
        assert 200 == rig.get("/readyz", None)[0], "a connection that stands is served"
        assert 202 == tried(rig, "crowded")[0]
        assert crowd
    until(lambda: answers_anew(address), "a new caller is answered")
    assert edge == rig.pid("edge")
    posted(rig, "crowded")


def answers_anew(address: tuple[str, int]) -> bool:
    with suppress(OSError), socket.create_connection(address, timeout=2.0) as caller:
        caller.sendall(b"GET /healthz HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
        return caller.recv(12) == b"HTTP/1.1 200"
    return False


def test_a_dispatch_without_descriptors_goes_on_and_connects_again_later(rig: Rig) -> None:
    """The carrier hangs up meanwhile; it or a new edge, whoever is first, takes what is left: both are there later."""
    dispatch, edge = rig.pid("dispatch"), rig.pid("edge")
    with limited(dispatch, resource.RLIMIT_NOFILE, descriptors(dispatch)):
        rig.carriers["alpha"].command({"do": "blackout", "seconds": 1.0, "mode": "reset"})
        rig.kill("edge")
        until(lambda: pid_of(rig, "edge") not in (0, edge) and answers(rig), "a new edge answers")
    posted(rig, "nofile")
    assert dispatch == rig.pid("dispatch")


def answers(rig: Rig) -> bool:
    """An edge is there, whether or not dispatch is behind it."""
    try:
        return rig.get("/readyz", None)[0] in (200, 503)
    except (OSError, HTTPException, KeyError):
        return False


def pid_of(rig: Rig, role: str) -> int:
    try:
        return rig.pid(role)
    except (OSError, ValueError):
        return 0


@pytest.mark.parametrize("role", ["dispatch", "edge"])
def test_a_process_with_hardly_any_memory_loses_nothing(rig: Rig, role: str) -> None:
    """It refuses, or dies and comes back; what was accepted goes on."""
    key = f"no memory in {role}"
    alert = posted(rig, f"{key}, before")
    before = rig.pid(role)
    with limited(before, resource.RLIMIT_AS, address_space_bytes(before) + SPARE_BYTES):
        for number in range(10):
            assert tried(rig, f"{key}, {number % 2}")[0] in (0, 202, 500, 503)
    until(rig.is_ready, "it is ready again")
    assert alert == posted(rig, f"{key}, before")
    posted(rig, f"{key}, 0")


def test_a_socket_that_somebody_deleted_is_there_again(rig: Rig) -> None:
    """A cleaner of old files takes dispatch's socket away; the next edge must find it all the same."""
    edge, dispatch = rig.pid("edge"), rig.pid("dispatch")
    (rig.data_dir / "run" / "dispatch.sock").unlink()
    rig.kill("edge")
    until(lambda: pid_of(rig, "edge") not in (0, edge) and rig.is_ready(), "the new edge is connected")
    posted(rig, "deleted socket")
    assert dispatch == rig.pid("dispatch")


def test_connections_that_break_are_made_again(rig: Rig) -> None:
    """Those of dispatch to the edge and to carriers, all at once, three times: one key still gives one alert."""
    dispatch = rig.pid("dispatch")
    posted(rig, "broken, before")
    for _ in range(3):
        until(lambda: rig.is_ready() and carriers_are_up(rig), "everything is connected")
        assert break_connections(dispatch) >= 3, "two of the edge, and a bind"
        assert tried(rig, "broken")[0] in (202, 503)
    until(rig.is_ready, "it is ready again")
    assert dispatch == rig.pid("dispatch")
    assert posted(rig, "broken") == posted(rig, "broken")


def test_a_damaged_store_is_told_and_nobody_goes_on_with_it(rig: Rig) -> None:
    """The last test of this module: dispatch says what to do, and the edge takes nothing; no text stands in the log."""
    dispatch = rig.pid("dispatch")
    assert_sound(rig, *dict.fromkeys(POSTED))
    path = rig.data_dir / "klaroen.db"
    whole = path.read_bytes()
    os.kill(dispatch, signal.SIGKILL)
    path.write_bytes(whole[: 4 * 4096] + bytes(len(whole) - 4 * 4096))
    log = rig.directory / "serve.log"
    until(lambda: "Nothing is guessed: restore a backup" in log.read_text(), "it is told")
    assert 202 != tried(rig, "after the damage")[0]
    assert "Let op" not in log.read_text()
