"""Crowds at the edge's door: slow callers, consoles, bodies that are too large, receipts without end.

Law: each is a function of a thread that goes on until `over` is set, and counts what it was answered; what the system
did to it is never raised, for it is the result.
Run: python -m klaroen_bench.crowds (see `crowd_process`): one JSON object on standard input says who comes, what they
were answered is told when the input ends.
"""

import hmac
import http.client
import json
import resource
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

SLOW: Final = (
    b"",
    b"POST /v1/alerts HTT",
    b"POST /v1/receipts/gateway HTTP/1.1\r\nHost: e\r\nContent-Length: 900\r\n\r\n[",
)
"""What slow callers begin with: nothing, half a head, a body without its end."""
FILES_BESIDE: Final = 64
DRIP_S: Final = 1.0
CHUNK: Final = b"x" * 65_536
FLOOD_RECEIPTS: Final = 1_000
"""Receipts of one callback: some 60 kB."""
PATIENCE_S: Final = 30.0

FINAL: Final = (b'"state":"done"', b'"state":"cancelled"', b'"state":"expired"')

Counts = Counter[str]
MOST: Final = "most"
"""What is counted under a name that begins so is a peak: of several people's the largest counts, not the sum."""


def linger(_number: int, counts: Counts, over: threading.Event, *, port: int, callers: int) -> None:
    """Keep so many connections that send an octet a second; whoever is thrown out comes again."""
    doors: list[socket.socket] = []
    callers = min(callers, allow_files() - FILES_BESIDE)
    while not over.is_set():
        begun = time.monotonic()
        while len(doors) < callers and not over.is_set():
            try:
                door = socket.create_connection(("127.0.0.1", port), timeout=1.0)
                door.sendall(SLOW[len(doors) % len(SLOW)])
                door.setblocking(False)
            except OSError as error:
                counts[f"not let in: {type(error).__name__}"] += 1
                break
            counts["connections"] += 1
            doors.append(door)
        doors = [door for door in doors if _drips(door, counts)]
        counts[f"{MOST} at once"] = max(counts[f"{MOST} at once"], len(doors))
        over.wait(max(0.0, DRIP_S - (time.monotonic() - begun)))
    for door in doors:
        door.close()


def _drips(door: socket.socket, counts: Counts) -> bool:
    try:
        with suppress(BlockingIOError):  # as long as nobody answers
            if not door.recv(4_096):
                raise ConnectionAbortedError
        door.send(b" ")
    except OSError:
        counts["thrown out"] += 1
        door.close()
        return False
    return True


def allow_files() -> int:
    """Raise the soft limit of open files to the hard one, for a caller is a file; return it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def watch_events(
    number: int, counts: Counts, _over: threading.Event, *, port: int, tokens: list[str], alert: str
) -> None:
    """Read one alert's events until it is over, as a console does."""
    token = tokens[number % len(tokens)]
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    try:
        connection.request("GET", f"/v1/alerts/{alert}/events", headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        counts[f"{answer.status}"] += 1
        for line in answer:
            counts["events"] += line.startswith(b"event: ")
            counts["told the end"] += line.startswith(b"data: ") and any(state in line for state in FINAL)
    except (OSError, http.client.HTTPException) as error:
        counts[type(error).__name__] += 1
    finally:
        connection.close()


def post_large(number: int, counts: Counts, _over: threading.Event, *, port: int, token: str, size: int) -> None:
    """Post one body that is too large; every other one says so beforehand."""
    declared = bool(number % 2)
    status, taken = post_too_much(port, token, size, declared=declared)
    kind = "declared" if declared else "chunked"
    counts[f"{kind} {status}"] += 1
    counts[f"{MOST} bytes taken, {kind}"] = taken


def post_too_much(port: int, token: str, size: int, *, declared: bool) -> tuple[int | None, int]:
    """Post a body that is too large; return the status and how many octets of it were taken before."""
    length = f"Content-Length: {size}" if declared else "Transfer-Encoding: chunked"
    head = (
        f"POST /v1/alerts HTTP/1.1\r\nHost: e\r\nAuthorization: Bearer {token}\r\nIdempotency-Key: large\r\n"
        f"Content-Type: application/json\r\n{length}\r\n\r\n"
    )
    taken = 0
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as door:
        door.sendall(head.encode())
        door.settimeout(0.05)
        while taken < size:
            try:
                with suppress(TimeoutError):  # as long as nobody answers
                    answer = door.recv(4_096)
                    return (int(answer.split()[1]) if answer else None), taken
                door.settimeout(PATIENCE_S)
                door.sendall(CHUNK if declared else b"%x\r\n%b\r\n" % (len(CHUNK), CHUNK))
                door.settimeout(0.05)
            except OSError:
                return None, taken
            taken += len(CHUNK)
    return None, taken


def flood(caller: int, counts: Counts, over: threading.Event, *, port: int, secret: str) -> None:
    """Post receipts that match nothing, signed as the gateway's are, as fast as they are answered."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    number = 0
    while not over.is_set():
        number += 1
        body = _nobodys(f"f{caller}-{number}")
        stamp = str(int(time.time()))
        signed = hmac.new(secret.encode(), stamp.encode() + b"." + body, "sha256").hexdigest()
        headers = {
            "Content-Type": "application/json", "X-Klaroen-Timestamp": stamp, "X-Klaroen-Signature": signed,
        }  # fmt: skip
        try:
            connection.request("POST", "/v1/receipts/gateway", body, headers)
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException) as error:
            counts[type(error).__name__] += 1
            connection.close()
            continue
        counts[f"{answer.status}"] += 1
        if answer.status == 503:
            counts["told when to come again"] += answer.headers["Retry-After"] is not None
            over.wait(float(answer.headers["Retry-After"] or 1))
    connection.close()


def _nobodys(name: str) -> bytes:
    """Return receipts of messages that were never sent, as the gateway writes them."""
    begin = f'{{"id":"{name}-'
    end = f'","state":"delivered","at":"{datetime.now(UTC).isoformat()}"}}'
    return ("[" + ",".join([f"{begin}{i}{end}" for i in range(FLOOD_RECEIPTS)]) + "]").encode()


# --- a process of them ----------------------------------------------------------------------------------------------

Person = Callable[..., None]
KINDS: Final[Mapping[str, Person]] = {
    "slow": linger, "consoles": watch_events, "large": post_large, "flood": flood,
}  # fmt: skip


def gather(kind: str, people: int, named: Mapping[str, Any], until_over: Callable[[], object]) -> Counts:
    """Let so many of a kind loose, one thread each, until that returns; return what they were answered."""
    over = threading.Event()
    each = [Counts() for _ in range(people)]
    threads = [
        threading.Thread(target=KINDS[kind], args=(number, counts, over), kwargs=named)
        for number, counts in enumerate(each)
    ]
    for thread in threads:
        thread.start()
    until_over()
    over.set()
    for thread in threads:
        thread.join()
    return add_up(each)


def add_up(each: Iterable[Counts]) -> Counts:
    total = Counts()
    for counts in each:
        for name, count in counts.items():
            total[name] = max(total[name], count) if name.startswith(MOST) else total[name] + count
    return total


def main() -> None:
    order = json.loads(sys.stdin.readline())
    counts = gather(order["kind"], order["people"], order["named"], sys.stdin.read)
    json.dump(counts, sys.stdout)


if __name__ == "__main__":
    main()
