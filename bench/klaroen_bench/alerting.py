"""Alerts of a benchmark: what is posted, and when all of it has been told.

Law: times are read from what Klaroen reports over HTTP and from the carriers' counters; what was posted counts from the
instant before the request.
"""

import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from msgspec import Struct

from klaroen_bench.meter import Meter
from klaroen_bench.rig import Rig, RigError

TEXTS: Final = {
    "nl": "Inbraak bezig in de Kerkstraat. Let op een witte bestelwagen. Bel 101.",
    "fr": "Cambriolage en cours rue de l'Eglise. Attention camionnette blanche. 101.",
    "de": "Einbruch in der Kirchstrasse. Achten Sie auf weissen Lieferwagen. Tel 101.",
}
"""One segment each, like those of the flood and the script."""
POLL_S: Final = 0.05
QUIET_S: Final = 1.0
"""Nothing new for so long, with nothing under way at any carrier: pushes of a status come every quarter second."""
SETTLE_S_MAX: Final = 180.0
MOVING: Final = ("unanswered", "under_way", "receipts_pending", "receipts_unacknowledged")
"""Counters of a simulated carrier that are nought once nothing is under way."""


def body(targets: Mapping[str, object], alert_class: str = "warm", mark: str = "", **more: object) -> dict[str, object]:
    """Return an alert as it is posted; `mark` follows its text in every language."""
    content = {language: {"text": text + mark} for language, text in TEXTS.items()}
    return {"class": alert_class, "targets": dict(targets), "content": content, **more}


def instant_s(written: str) -> float:
    return datetime.fromisoformat(written).timestamp()


class Settled(Struct, frozen=True):
    """An alert whose every SMS has its proof, as far as there is one."""

    alert: str
    posted_at_s: float
    accepted_s: float
    settled_s: float
    """From the POST to the status that first showed the last of it."""
    cpu_s: Mapping[str, float]
    """By process, from the POST to that status."""
    answer: Mapping[str, Any]
    status: Mapping[str, Any]


def post_and_settle(rig: Rig, order: Mapping[str, object], key: str, token: str = "police") -> Settled:  # noqa: S107
    """Post an alert and wait until nothing more of it comes. Raises RigError."""
    meter = Meter(rig)
    posted_at_s = time.time()
    code, answer = rig.post("/v1/alerts", order, token, key)
    accepted_s = time.time() - posted_at_s
    if code != 202:
        raise RigError(f"the alert was not accepted: {code} {answer}")
    settled_at_s, cpu_s, status = _settle(rig, answer["id"], meter)
    return Settled(answer["id"], posted_at_s, accepted_s, settled_at_s - posted_at_s, cpu_s, answer, status)


def _settle(rig: Rig, alert: str, meter: Meter) -> tuple[float, dict[str, float], Mapping[str, Any]]:
    until = time.monotonic() + SETTLE_S_MAX
    last: tuple[object, ...] = ()
    settled_at_s, changed_at = 0.0, time.monotonic()
    cpu_s: dict[str, float] = {}
    while time.monotonic() < until:
        status = read_status(rig, alert)
        sms = status["channels"].get("sms", {})
        now = (sms.get("attempts"), sms.get("handed_over"), sms.get("reached"), sms.get("failed"))
        if now != last:
            last, changed_at, settled_at_s, cpu_s = now, time.monotonic(), instant_s(status["as_of"]), meter.cpu_s()
        elif status["pending"] == 0 and time.monotonic() - changed_at > QUIET_S and not any(_moving(rig)):
            return settled_at_s, cpu_s, status
        time.sleep(POLL_S)
    raise RigError(f"alert {alert} did not settle in {SETTLE_S_MAX:g} s: {status}")


def _moving(rig: Rig) -> Iterator[int]:
    for process in rig.carriers.values():
        counters = process.counters()
        yield from (counters.get(name, 0) for name in MOVING)


def read_status(rig: Rig, alert: str) -> Mapping[str, Any]:
    """Raises RigError."""
    code, status = rig.get(f"/v1/alerts/{alert}")
    if code != 200:
        raise RigError(f"no status: {code} {status}")
    found: Mapping[str, Any] = status
    return found


def finish(rig: Rig, alert: str) -> None:
    """Cancel what is left of an alert, and wait until it is over. Raises RigError."""
    code, answer = rig.post(f"/v1/alerts/{alert}/cancel", {})
    if code not in (200, 409):
        raise RigError(f"the alert was not cancelled: {code} {answer}")
    until = time.monotonic() + SETTLE_S_MAX
    while read_status(rig, alert)["state"] not in ("done", "cancelled", "expired"):
        if time.monotonic() > until:
            raise RigError(f"alert {alert} does not end")
        time.sleep(POLL_S)


def first_hand_overs(rig: Rig, alert: str) -> dict[str, list[float]]:
    """Return when each delivery's first attempt was taken by its carrier, by channel: UTC seconds, ascending."""
    taken: dict[str, list[float]] = {}
    for delivery in rig.deliveries(alert):
        for attempt in delivery["attempts"][:1]:
            if attempt["outcome"] in ("accepted", "delivered"):
                taken.setdefault(attempt["channel"], []).append(instant_s(attempt["answered_at"]))
    return {channel: sorted(instants) for channel, instants in taken.items()}
