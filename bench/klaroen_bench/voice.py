"""`klaroen bench voice`: a voice process with as many calls as it is to hold, and callees that write down what comes.

Law: setup is from the order at the socket until the callee's answer is told; lateness is the kernel's word at the
callee, against the schedule of the packets' own time stamps. Lost is a call that was made, and of which less than four
fifths, or anything else, is in the callee's ledger; one that was not made says why. CPU is the voice process's alone.
"""

import http.client
import re
import time
from pathlib import Path
from typing import Final

from klaroen.cli.laboratory import VoiceOptions
from klaroen_bench.asterisk import find_asterisk, running
from klaroen_bench.figures import Report, machine, median_of, peer, ratio, say, workshop
from klaroen_bench.hearing import Listener
from klaroen_bench.processes import CarrierProcess, cpu_s, peak_rss_mb
from klaroen_bench.telephones import read_trunk
from klaroen_bench.voice_rig import (
    Voice,
    asterisk_carrier,
    has_sipp,
    pin,
    put_clip,
    simulated_trunk,
    sip_carrier,
    sipp_callee,
    voice_process,
    write_config,
)

PER_S: Final = 300.0
CLIP_S_MIN: Final = 1.94
AROUND_S: Final = 1.5
"""Before and after the clip: together a call stands for 3.4 s, so that a thousand lines begin nearly 300 a second."""
VOICE_CORE: Final = 0
OTHERS_CORE: Final = 1
LATE: Final = re.compile(r'^klaroen_voice_late_seconds_bucket\{le="([^"]+)"\} ([0-9.e+]+)$', re.MULTILINE)


def run_voice(options: VoiceOptions) -> int:
    started = time.monotonic()
    with workshop("voice", keep=options.keep) as directory:
        runs = []
        for run in range(options.runs):
            place = directory / f"run-{run}"
            runs.append(
                {
                    "trunk": _by_trunk(place / "trunk", options),
                    "sipp": _by_sipp(place / "sipp", options),
                    "asterisk": _by_asterisk(place / "asterisk", options),
                }
            )
    middle = median_of(runs)
    ours = middle["trunk"]
    report: Report = {
        **machine(),
        "conditions": {
            "clip_s": clip_s(options.concurrent),
            "plays": 1,
            "lines": options.concurrent,
            "calls_per_s": PER_S,
            "seconds": options.seconds,
            "pinned": True,
        },
        "runs": options.runs,
        **{key: ours[key] for key in ("concurrent", "calls", "calls_per_s", "setup_ms", "late_ticks_ms", "lost")},
        **{key: ours[key] for key in ("altered", "unsent", "cpu_ms_per_call_second", "own_late_ticks_ms", "outcomes")},
        "sipp": middle["sipp"],
        "asterisk": middle["asterisk"],
        "cpu_s": ours["cpu_s"],
        "peak_rss_mb": ours["peak_rss_mb"],
        "wall_s": round(time.monotonic() - started, 1),
    }
    say(report, as_json=options.json, title="Calls")
    return 0


def clip_s(concurrent: int) -> float:
    """Return how long a clip keeps so many lines in use at `PER_S`."""
    return max(CLIP_S_MIN, round(concurrent / PER_S + 0.11 - AROUND_S, 2))


def _by_trunk(directory: Path, options: VoiceOptions) -> Report:
    """Call telephones of a simulated trunk, whose ledger says what they heard."""
    directory.mkdir(parents=True)
    clip = put_clip(directory / "data", clip_s(options.concurrent))
    with (
        simulated_trunk(directory, 2 * options.concurrent) as trunk,
        voice_process(directory, sip_carrier("trunk", trunk.port, options.concurrent)) as voice,
    ):
        pin(trunk.pid, OTHERS_CORE)
        figures = _load("trunk", voice.pid, voice.config, clip, options)
        figures |= {"late_ticks_ms": _lateness(trunk), "own_late_ticks_ms": _own_lateness(voice)}
        figures["cpu_s"] |= {"trunk": trunk.cpu_s()}
        figures["peak_rss_mb"] |= {"trunk": round(trunk.peak_rss_mb(), 1)}
    return figures | _heard(directory, clip, figures["calls"] - figures["unsent"])


def _by_sipp(directory: Path, options: VoiceOptions) -> Report | None:
    """Call SIPp, which answers all and hears nothing; None where it is not installed."""
    if not has_sipp():
        return None
    directory.mkdir(parents=True)
    clip = put_clip(directory / "data", clip_s(options.concurrent))
    with (
        sipp_callee(directory) as (port, sipp),
        voice_process(directory, sip_carrier("sipp", port, options.concurrent, probe=False)) as voice,
    ):
        pin(sipp.pid, OTHERS_CORE)
        figures = _load("sipp", voice.pid, voice.config, clip, options)
        figures["own_late_ticks_ms"] = _own_lateness(voice)
    return figures | {"lost": figures["calls"] - figures["unsent"] - figures["reached"]}


def _by_asterisk(directory: Path, options: VoiceOptions) -> Report | None:
    """Have Asterisk call the same telephones, by our carrier of its kind; None where none is installed."""
    found = find_asterisk()
    if found is None:
        return None
    directory.mkdir(parents=True)
    clip = put_clip(directory / "data", clip_s(options.concurrent))
    with (
        simulated_trunk(directory, 2 * options.concurrent) as trunk,
        running(found, directory / "asterisk", trunk.port) as asterisk,
    ):
        pin(trunk.pid, OTHERS_CORE)
        config = write_config(directory, asterisk_carrier("asterisk", asterisk, options.concurrent))
        figures = _load("asterisk", asterisk.pid, config, clip, options)
        figures |= {"late_ticks_ms": _lateness(trunk), "version": asterisk.version}
    return figures | _heard(directory, clip, figures["calls"] - figures["unsent"])


def _load(carrier: str, pid: int, config: Path, clip: str, options: VoiceOptions) -> Report:
    """Keep the lines in use for a while; return what the caller and the kernel say of it."""
    pin(pid, VOICE_CORE)
    used_s = cpu_s(pid)
    arguments = {
        "config": config,
        "carrier": carrier,
        "clip": clip,
        "concurrent": options.concurrent,
        "per-s": PER_S,
        "seconds": options.seconds,
    }
    figures = peer("calls", *(f"--{name}={value}" for name, value in arguments.items()), f"--core={OTHERS_CORE}")
    used_s = cpu_s(pid) - used_s
    figures["cpu_ms_per_call_second"] = ratio(used_s * 1000, figures["talk_s"])
    role = "voice" if carrier != "asterisk" else carrier
    figures["cpu_s"] = {role: round(used_s, 2), "caller": figures["cpu_s"]}
    figures["peak_rss_mb"] = {role: round(peak_rss_mb(pid), 1)}
    return figures


def _lateness(trunk: CarrierProcess) -> dict[str, float]:
    counters = trunk.counters()
    return {f"p{share}": counters[f"late_us_p{share}"] / 1000 for share in (50, 99)}


def _heard(directory: Path, clip: str, calls: int) -> Report:
    """Return how many calls were not heard, and how many heard something else, by the trunk's ledger."""
    ledger = read_trunk(directory / "trunk.ledger")
    octets = (directory / "data" / "clips" / f"{clip}.alaw").read_bytes()
    listener = Listener(ledger.sounds, {clip: octets})
    heard = [listener.hear(record.stretches) for _, record in ledger.calls if record.answered_at and record.kept]
    altered = sum(one.strange for one in heard)
    return {"lost": calls - sum(one.whole and not one.strange for one in heard), "altered": altered}


def _own_lateness(voice: Voice) -> dict[str, float | None]:
    """Return how late the process itself says that its ticks came: upper bounds of its metric's classes."""
    connection = http.client.HTTPConnection("127.0.0.1", voice.metrics_port, timeout=10)
    try:
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
    finally:
        connection.close()
    return {f"p{share}": bound_ms(text, share / 100) for share in (50, 99)}


def bound_ms(metrics: str, share: float) -> float | None:
    """Return the bound, in ms, of the class in which the tick of this rank falls; None for none and beyond the last."""
    buckets = [(float(bound), float(count)) for bound, count in LATE.findall(metrics)]
    if not buckets or not buckets[-1][1]:
        return None
    bound_s = next(bound for bound, count in buckets if count >= share * buckets[-1][1])
    return None if bound_s == float("inf") else round(bound_s * 1000, 3)
