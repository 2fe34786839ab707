"""The cases of `klaroen bench load`: each burdens the system in one way, warm alerts beside, and says what must hold.

Law: a crowd is a process of its own, so that it keeps only the system waiting. Answers are counted, never raised: they
are the result. What a case leaves open it ends.
"""

import http.client
import json
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final

from klaroen_bench.alerting import body, finish, read_status
from klaroen_bench.crowd_process import Crowd
from klaroen_bench.crowds import FLOOD_RECEIPTS, MOST
from klaroen_bench.figures import percentiles
from klaroen_bench.load_beside import Case, Scene, Sizes, beside, judge, small_networks
from klaroen_bench.musts import at_least, at_most, exactly
from klaroen_bench.poisson import Caller, Order, Shot, post_at_random
from klaroen_bench.rig import Rig, RigError

CONSOLES_A_TOKEN: Final = 50
OVER_S_MAX: Final = 150.0
"""Half as long again as ten countries take at the carriers' rates."""
POLL_S: Final = 0.1
ETA_OFF: Final = 1.33
"""How many times longer, or shorter, than it said something may take."""
TAKEN_BYTES_MAX: Final = 8 * 2**20
"""Of a body that is too large: what is read of a message at most, and what sockets hold."""
UNMATCHED_MAX: Final = 100_000
"""So many receipts of one carrier are kept that match nothing (docs/reliability.md)."""
UNDRAINED_MAX: Final = 200_000
"""And so many of all carriers may be durable and not applied, before carriers are asked to come again."""
DESCRIPTORS_MAX: Final = 2_000 + 256


def named(rig: Rig, sizes: Sizes) -> Iterator[tuple[str, Callable[[], Case]]]:
    """Yield every case, to be played in this order."""
    scene = Scene(rig, sizes, small_networks(rig.country), rig.plan.members)
    for case in CASES:
        yield case.__name__, partial(case, scene)


# --- the cases ------------------------------------------------------------------------------------------------------


def idle(scene: Scene) -> Case:
    return judge(scene, "nothing beside", beside(scene, "idle"))


def large_bodies(scene: Scene) -> Case:
    """All of them at once; every other one says beforehand how large it is."""
    sizes, rig = scene.sizes, scene.rig
    name = f"{sizes.large} bodies of {sizes.large_bytes // 2**20} MiB"
    with Crowd(
        "large", sizes.large, port=rig.ports()["edge"], token=rig.tokens["police"], size=sizes.large_bytes
    ) as crowd:
        shots = beside(scene, "large")
    answers = crowd.counts
    taken = max((count for key, count in answers.items() if key.startswith(MOST)), default=0)
    return judge(
        scene,
        name,
        shots,
        exactly(name, "of them that got 413", answers["declared 413"] + answers["chunked 413"], sizes.large),
        at_most(name, "bytes of one that were taken", taken, TAKEN_BYTES_MAX),
        answered=dict(answers),
    )


def consoles(scene: Scene) -> Case:
    """Screens that follow one national alert until it is over."""
    sizes, rig = scene.sizes, scene.rig
    name = f"{sizes.consoles} consoles"
    tokens = [rig.make_token(f"console-{number}") for number in range(-(-sizes.consoles // CONSOLES_A_TOKEN))]
    _, answer = rig.post("/v1/alerts", body({"all": True}), key="watched")
    with Crowd("consoles", sizes.consoles, port=rig.ports()["edge"], tokens=tokens, alert=answer["id"]) as crowd:
        shots = beside(scene, "consoles")
        finish(rig, answer["id"])
    told = crowd.counts
    return judge(
        scene,
        name,
        shots,
        exactly(name, "streams that were opened", told["200"], sizes.consoles),
        exactly(name, "screens that were told the end", told["told the end"], sizes.consoles),
        answered=dict(told),
        opened=scene.members,
    )


def receipts(scene: Scene) -> Case:
    """Callbacks that match nothing, as fast as they are answered."""
    sizes, rig, name = scene.sizes, scene.rig, "a flood of receipts"
    secret = (rig.directory / "gateway.secret").read_text().strip()
    begun = time.monotonic()
    with Crowd("flood", sizes.flood, port=rig.ports()["edge"], secret=secret) as crowd:
        shots = beside(scene, "flood")
        seconds = time.monotonic() - begun
    told = crowd.counts
    other = sum(told.values()) - told["204"] - told["503"] - told["told when to come again"]
    return judge(
        scene,
        name,
        shots,
        exactly(name, "callbacks neither taken nor asked to come again", other, 0),
        exactly(name, "503 without Retry-After", told["503"] - told["told when to come again"], 0),
        answered=dict(told),
        unmatched=min(UNMATCHED_MAX, told["204"] * FLOOD_RECEIPTS),
        undrained=min(UNDRAINED_MAX, told["204"] * FLOOD_RECEIPTS),
        receipts_per_s=round(told["204"] * FLOOD_RECEIPTS / seconds),
    )


def slow_callers(scene: Scene) -> Case:
    """Beside them also somebody who was not connected before, as a dispatcher who has just logged in."""
    sizes, rig = scene.sizes, scene.rig
    name = f"{sizes.slow} slow callers"
    with Crowd("slow", 1, port=rig.ports()["edge"], callers=sizes.slow) as crowd:
        time.sleep(sizes.slow_s)
        shots = beside(scene, "slow")
        files = len(os.listdir(f"/proc/{rig.pid('edge')}/fd"))
        strangers = [_post_as_stranger(scene, number) for number in range(sizes.strangers)]
    accepted = [ms for status, ms in strangers if status == 202]
    return judge(
        scene,
        name,
        shots,
        exactly(name, "new connections that got their 202", len(accepted), sizes.strangers),
        at_most(name, "descriptors of the edge", files, DESCRIPTORS_MAX),
        answered=dict(crowd.counts),
        descriptors=files,
        strangers_ms_max=round(max(accepted, default=0.0), 1),
    )


def _post_as_stranger(scene: Scene, number: int) -> tuple[int, float]:
    """Return the status, 0 where the connection was lost, and the time until it was there."""
    rig, began = scene.rig, time.monotonic()
    caller = Caller(rig.ports()["edge"], rig.tokens["police"])
    order = json.dumps(body({"networks": [scene.networks[number % len(scene.networks)]]})).encode()
    try:
        status, _ = caller.post("/v1/alerts", order, f"stranger-{number}")
    except (OSError, http.client.HTTPException):
        status = 0
    finally:
        caller.close()
    return status, (time.monotonic() - began) * 1000


def burst(scene: Scene) -> Case:
    """What can wait is asked to wait: cold alerts and public interest, all of them to everybody, beside warm ones."""
    sizes, rig = scene.sizes, scene.rig
    name = f"{sizes.burst_per_s + sizes.beside_per_s:g} alerts a second"
    orders = [
        Order(f"other-{i}", json.dumps(body({"all": True}, "public_interest" if i % 2 else "cold")).encode())
        for i in range(sizes.burst)
    ]
    others: list[Shot] = []

    def post_others() -> None:
        others.extend(post_at_random(rig.ports()["edge"], rig.tokens["police"], orders, sizes.burst_per_s, 2))

    thread = threading.Thread(target=post_others)
    thread.start()
    try:
        shots = beside(scene, "burst")
    finally:
        thread.join()
    accepted = [shot for shot in others if shot.status == 202]
    asked = sum(shot.status == 429 and shot.retry_after is not None for shot in others)
    case = judge(
        scene,
        name,
        shots,
        exactly(name, "others that got their 202, or 429 with Retry-After", len(accepted) + asked, len(others)),
        others=dict(Counter(str(shot.status) for shot in others)),
        others_ms=percentiles([shot.accept_ms for shot in others]),
        opened=sum(shot.answer["members"] for shot in accepted),
    )
    for shot in accepted:
        finish(rig, shot.answer["id"])
    return case


def nationals(scene: Scene) -> Case:
    """All at once: how long each takes, against what it said it would, and one street beside them."""
    sizes, rig = scene.sizes, scene.rig
    name = f"{sizes.nationals} national alerts at once"
    began = time.monotonic()
    posted = _post_together(rig, [json.dumps(body({"all": True})).encode()] * sizes.nationals)
    refused = sum(shot.status != 202 for shot in posted)
    alerts = [shot.answer["id"] for shot in posted if shot.status == 202]
    shots = beside(scene, "nationals")
    time.sleep(max(0.0, sizes.eta_after_s - (time.monotonic() - began)))
    asked = time.monotonic()
    said = {alert: read_status(rig, alert)["eta_s"] or 0.0 for alert in alerts}
    took = _watch(rig, alerts, asked)
    ratios = [max(took[one], 1.0) / max(said[one], 1.0) for one in took]
    case = judge(
        scene,
        name,
        shots,
        exactly(name, "of them that were not accepted", refused, 0),
        exactly(name, "of them that were handed over in time", len(took), len(alerts)),
        at_most(name, "times as long as eta_s said, the latest", max(ratios, default=None), ETA_OFF),
        at_least(name, "times as long as eta_s said, the soonest", min(ratios, default=None), round(1 / ETA_OFF, 2)),
        opened=sum(shot.answer.get("members", 0) for shot in posted),
        national_accept_ms=round(max(shot.accept_ms for shot in posted), 1),
        eta_s=max(said.values(), default=0.0),
        took_s=round(max(took.values(), default=0.0), 1),
        handed_over_s=round(time.monotonic() - began, 1),
    )
    for alert in alerts:
        finish(rig, alert)
    return case


def _post_together(rig: Rig, orders: Sequence[bytes]) -> list[Shot]:
    """Post all of them in the same instant."""
    shots: list[Shot] = []

    def post(number: int, order: bytes) -> None:
        caller = Caller(rig.ports()["edge"], rig.tokens["police"])
        began = time.time()
        status, answer = caller.post("/v1/alerts", order, f"national-{number}")
        shots.append(Shot(began, time.time(), status, answer, caller.retry_after))
        caller.close()

    threads = [threading.Thread(target=post, args=one) for one in enumerate(orders)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(shots) < len(orders):
        raise RigError("a national alert was not answered at all")
    return shots


def _watch(rig: Rig, alerts: Sequence[str], since: float) -> Mapping[str, float]:
    """Return how many seconds each took from then until everybody was handed over; who is patient no more stops."""
    took: dict[str, float] = {}
    while len(took) < len(alerts):
        for alert in alerts:
            if alert not in took and not read_status(rig, alert)["pending"]:
                took[alert] = time.monotonic() - since
        if time.monotonic() - since > OVER_S_MAX:
            break
        time.sleep(POLL_S)
    return took


def afterwards(scene: Scene) -> Case:
    """No collapse: whoever comes when it is over finds what was there before."""
    return judge(scene, "nothing beside, afterwards", beside(scene, "afterwards"))


CASES: Final[tuple[Callable[[Scene], Case], ...]] = (
    idle, large_bodies, consoles, receipts, slow_callers, burst, nationals, afterwards,
)  # fmt: skip
