"""Crowds at the edge's door: slow callers, consoles, bodies that are too large, receipts without end.

Law: each is a function of a thread that goes on until `over` is set, and counts what it was answered; what the system
did to it is never raised, for it is the result.
"""

import hmac
import http.client
import json
import socket
import threading
import time
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

SLOW: Final = (
    b"",
    b"POST /v1/alerts HTT",
    b"POST /v1/receipts/gateway HTTP/1.1\r\nHost: e\r\nContent-Length: 900\r\n\r\n[",
)
"""What slow callers begin with: nothing, half a head, a body without its end."""
DRIP_S: Final = 1.0
CHUNK: Final = b"x" * 65_536
FLOOD_RECEIPTS: Final = 1_000
"""Receipts of one callback: some 60 kB."""
PATIENCE_S: Final = 30.0

FINAL: Final = (b'"state":"done"', b'"state":"cancelled"', b'"state":"expired"')

Counts = Counter[str]


def linger(port: int, callers: int, counts: Counts, over: threading.Event) -> None:
    """Keep so many connections that send an octet a second; whoever is thrown out comes again."""
    doors: list[socket.socket] = []
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
        counts["most at once"] = max(counts["most at once"], len(doors))
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


def watch_events(port: int, token: str, alert: str, counts: Counts) -> None:
    """Read one alert's events until it is over, as a console does."""
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


def flood(port: int, secret: str, caller: int, counts: Counts, over: threading.Event) -> None:
    """Post receipts that match nothing, signed as the gateway's are, as fast as they are answered."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    number = 0
    while not over.is_set():
        number += 1
        at = datetime.now(UTC).isoformat()
        rows = [{"id": f"f{caller}-{number}-{i}", "state": "delivered", "at": at} for i in range(FLOOD_RECEIPTS)]
        body, stamp = json.dumps(rows).encode(), str(int(time.time()))
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
