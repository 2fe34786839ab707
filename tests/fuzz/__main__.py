"""`make fuzz MINUTES=n`: each parser by coverage-guided fuzzing (atheris, libFuzzer), each in a process of its own.

What brings a parser down is left in tests/fuzz/found/PARSER, where the tests find it; the exit code is then 1.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

FOUND = Path(__file__).with_name("found")
INPUT_BYTES_MAX = 4096
ANSWER_S_MAX = 5
"""An input that takes longer is a fault, too: a stranger must not be able to hold us up."""
MEMORY_MB_MAX = 1024


def main() -> int:
    words = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    words.add_argument("names", nargs="*", help="parsers; by default all")
    words.add_argument("--minutes", type=float, default=5.0, help="for all of them together")
    words.add_argument("--one", help=argparse.SUPPRESS)
    options, rest = words.parse_known_args()
    if options.one is not None:
        return fuzz_one(options.one, rest)
    from tests.fuzz.parsers import PARSERS

    names = options.names or list(PARSERS)
    seconds = max(1, round(options.minutes * 60 / len(names)))
    failed = [name for name in names if not hunt(name, PARSERS[name].seeds, seconds)]
    print(f"{len(names)} parsers, {seconds} s each: {', '.join(failed) or 'nothing'} found")
    return 1 if failed else 0


def hunt(name: str, seeds: tuple[bytes, ...], seconds: int) -> bool:
    """Fuzz one parser in its own process; return whether it held."""
    into = FOUND / name
    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate((*seeds, *(path.read_bytes() for path in into.glob("*")))):
            (Path(corpus) / str(number)).write_bytes(seed)
        into.mkdir(parents=True, exist_ok=True)
        limits = [f"-max_total_time={seconds}", f"-max_len={INPUT_BYTES_MAX}", f"-timeout={ANSWER_S_MAX}"]
        limits += [
            f"-rss_limit_mb={MEMORY_MB_MAX}",
            f"-artifact_prefix={into}/",
            "-verbosity=0",
            "-print_final_stats=1",
        ]
        line = [sys.executable, "-m", "tests.fuzz", "--one", name, *limits, corpus]
        run = subprocess.run(line, capture_output=True, text=True, check=False)
    tried = next((one.split()[-1] for one in run.stderr.splitlines() if "number_of_executed_units" in one), "?")
    print(f"{name}: {tried} inputs, {'held' if run.returncode == 0 else 'FAILED'}", flush=True)
    if run.returncode:
        print(run.stdout[-2000:], run.stderr[-4000:], file=sys.stderr)
    if not any(into.iterdir()):
        into.rmdir()
    return run.returncode == 0


def fuzz_one(name: str, arguments: list[str]) -> int:
    import atheris

    with atheris.instrument_imports(include=["klaroen", "klaroen_adapters"]):
        from tests.fuzz.parsers import PARSERS
    parser = PARSERS[name]

    def one_input(octets: bytes) -> None:
        try:
            parser.run(octets)
        except parser.raises:
            return

    atheris.Setup([sys.argv[0], *arguments], one_input)
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
