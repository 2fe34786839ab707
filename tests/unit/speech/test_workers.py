"""Engines run in processes of their own: whatever becomes of one, the answer comes in time."""

import os
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trio

from klaroen_adapters.speech.frames import Failed, Said
from klaroen_adapters.speech.workers import Workers

ANSWERS = """
import os, sys, time
from klaroen_adapters.speech.frames import HEAD_BYTES, FRAME_BYTES_MAX, Failed, Said, frame, question
asks, tells = sys.stdin.buffer, sys.stdout.buffer
while head := asks.read(HEAD_BYTES):
    asked = question(asks.read(int.from_bytes(head, "big")))
    {behave}
    tells.flush()
"""
SAY_PID = "tells.write(frame(Said(str(os.getpid()).encode(), 1.0, 1.0, 0.0)))"


@contextmanager
def workers(tmp_path: Path, behave: str) -> Iterator[Workers]:
    """Workers whose process does as told."""
    script = tmp_path / "worker.py"
    script.write_text(textwrap.dedent(ANSWERS).replace("{behave}", behave))
    crew = Workers((sys.executable, str(script)))
    try:
        yield crew
    finally:
        crew.close()


async def pid(crew: Workers, text: str = "hoi") -> int:
    said = await crew.ask("pico", "fr-FR", text, 30.0)
    assert isinstance(said, Said)
    return int(said.octets)


def is_alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


async def test_a_worker_is_kept_and_asked_again(tmp_path: Path) -> None:
    with workers(tmp_path, SAY_PID) as crew:
        first = await pid(crew)
        assert first == await pid(crew)
        assert is_alive(first)
    assert not is_alive(first)


async def test_engines_do_not_share_a_process(tmp_path: Path) -> None:
    with workers(tmp_path, SAY_PID) as crew:
        first = await pid(crew)
        said = await crew.ask("espeak-ng", "nl", "hoi", 30.0)
        assert isinstance(said, Said)
        assert first != int(said.octets)


async def test_a_worker_that_hangs_is_killed_at_the_deadline(tmp_path: Path) -> None:
    told = tmp_path / "pid"
    hang = f'open({str(told)!r}, "w").write(str(os.getpid())); time.sleep(3600)'
    with workers(tmp_path, hang) as crew:
        assert Failed("took too long") == await crew.ask("pico", "fr-FR", "hoi", 1.0)
        assert not is_alive(int(told.read_text()))


async def test_what_a_worker_has_started_ends_with_it(tmp_path: Path) -> None:
    """A pipe that both hold comes to its end when neither is left."""
    held = tmp_path / "held"
    os.mkfifo(held)
    start = f'import subprocess; held = open({str(held)!r}, "wb"); subprocess.Popen(["sleep", "3600"], stdout=held)'
    with workers(tmp_path, f"{start}; held.write(b'x'); held.flush(); time.sleep(3600)") as crew:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(crew.ask, "mbrola", "mb-nl2", "hoi", 2.0)
            with trio.fail_after(30):
                assert b"x" == await trio.Path(held).read_bytes()


@pytest.mark.parametrize(
    "behave",
    [
        "os.abort()",
        "sys.exit(0)",
        'tells.write(b"\\xff\\xff\\xff\\xff")',
        'tells.write((4).to_bytes(4, "big") + b"oops")',
        'tells.write((100).to_bytes(4, "big") + b"half"); tells.flush(); os._exit(0)',
    ],
)
async def test_a_worker_that_goes_astray_is_replaced(tmp_path: Path, behave: str) -> None:
    once = f'if asked.text == "bad": {behave}\n    else: {SAY_PID}'
    with workers(tmp_path, once) as crew:
        first = await pid(crew)
        assert Failed("crashed") == await crew.ask("pico", "fr-FR", "bad", 30.0)
        assert not is_alive(first)
        assert first != await pid(crew)


async def test_a_worker_of_whom_nobody_wants_an_answer_is_ended(tmp_path: Path) -> None:
    """What it would say next is the answer to another question."""
    told = tmp_path / "pid"
    os.mkfifo(told)
    tell = f'if asked.text == "slow": open({str(told)!r}, "w").write(str(os.getpid())); time.sleep(3600)'
    with workers(tmp_path, f"{tell}\n    {SAY_PID}") as crew:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(crew.ask, "pico", "fr-FR", "slow", 30.0)
            slow = int(await trio.Path(told).read_text())
            nursery.cancel_scope.cancel()
        assert not is_alive(slow)
        assert slow != await pid(crew)


async def test_a_worker_is_replaced_after_so_many_questions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("klaroen_adapters.speech.workers.ASKED_MAX", 3)
    with workers(tmp_path, SAY_PID) as crew:
        pids = [await pid(crew) for _ in range(6)]
    assert 2 == len(set(pids))
    assert pids == sorted(pids, key=pids.index)


async def test_a_machine_that_has_no_process_left_is_no_reason_to_end() -> None:
    crew = Workers(("/nowhere/python",))
    assert Failed("cannot be started") == await crew.ask("pico", "fr-FR", "hoi", 1.0)
    crew.close()


async def test_few_idle_workers_are_kept(tmp_path: Path) -> None:
    with workers(tmp_path, SAY_PID) as crew:
        async with trio.open_nursery() as nursery:
            pids: list[int] = []

            async def ask() -> None:
                pids.append(await pid(crew))

            for _ in range(4):
                nursery.start_soon(ask)
        assert 4 == len(set(pids))
        assert 2 == sum(map(is_alive, pids))
