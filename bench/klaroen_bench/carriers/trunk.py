"""A simulated SIP trunk: telephones that ring, for real, by the fates that its seed deals to their numbers.

Law: an invitation is in the ledger, raw, before anything rings; a call is in it as it ends, with every octet that was
heard. Its luck depends on seed and number alone.
Run: python -m klaroen_bench.carriers.trunk --listen 127.0.0.1:0 --ledger FILE; one line of JSON says that it is ready.
"""

import asyncio
import gc
import re
import resource
import secrets
import struct
import time
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Callable
from typing import Final

from klaroen_bench.carriers.burst import Burst
from klaroen_bench.carriers.call import Call, Headers, Path
from klaroen_bench.carriers.callfate import CallFates
from klaroen_bench.carriers.conditions import read_secret
from klaroen_bench.carriers.control import Manner
from klaroen_bench.carriers.digest import Gate
from klaroen_bench.carriers.door import Throttle
from klaroen_bench.carriers.ear import Lateness
from klaroen_bench.carriers.ledger import ACCEPTED, CALL, SOUND, Heading, LedgerWriter
from klaroen_bench.carriers.serve import serve
from klaroen_bench.carriers.sip import (
    METHODS,
    MalformedError,
    Request,
    Status,
    address_of,
    read_message,
    tag_of,
    transaction_of,
    uri_of,
    user_of,
    write_answer,
)
from klaroen_bench.carriers.sounds import Sounds
from klaroen_bench.carriers.trunk_paths import Paths
from klaroen_bench.carriers.trunk_terms import TrunkTerms, add_terms, read_terms
from klaroen_bench.carriers.wheel import Wheel

REMEMBERED_S: Final = 64.0
"""What comes late to a call that is over is answered as before: twice timer H (RFC 3261)."""
SOUND_NUMBER: Final = struct.Struct("<I")
NUMBER_DIGITS: Final = range(3, 16)


class Trunk:
    def __init__(self, terms: TrunkTerms, password: str | None) -> None:
        loop = asyncio.get_running_loop()
        self._clock = loop.time
        self._terms = terms
        self._fates = CallFates(terms.seed, terms.odds)
        self._throttle = Throttle(terms.calls_per_s)
        secret = secrets.token_bytes(16)
        self._gate = None if password is None else Gate(terms.user, password, terms.algorithm, secret)
        self._ledger = LedgerWriter(terms.ledger, Heading(terms.name, "call", "sip"))
        self._later: Wheel[Callable[[], None]] = Wheel(loop, _act)
        self._calls: dict[tuple[str, str], Call] = {}
        self._nth: Counter[bytes] = Counter()
        self._withheld: list[Call] | None = None
        self._live = 0
        self.paths = Paths(self)
        self.frozen = False
        self.slow = 1.0
        self.burst = Burst()
        self.lateness = Lateness()
        self.sounds = Sounds(self._keep)
        self.counts: Counter[str] = Counter()
        self.states: Counter[str] = Counter()

    # --- what a call needs ------------------------------------------------------------------------------------------

    @property
    def now(self) -> float:
        return self._clock()

    @property
    def host(self) -> str:
        return self._terms.host

    @property
    def contact(self) -> str:
        host, port = self.paths.address
        return f"sip:trunk@{host}:{port}"

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        self._later.add(self._clock() + seconds, act)

    def withholds(self, call: Call) -> bool:
        """Nobody decides anything while it does; they all do, once it does no longer."""
        if self._withheld is None:
            return False
        self._withheld.append(call)
        return True

    def send_bye(self, call: Call, raw: bytes) -> None:
        """Along the connection on which the call came; by UDP to where its Contact is."""
        path: Path | None = call.path
        if not call.path.reliable:
            routes = call.invite.every("record-route")
            target = uri_of(routes[0] if routes else call.invite.header("contact"))
            path = self.paths.to(address_of(target) or call.path.source)
        if path is not None:
            path.send(raw)

    def book(self, call: Call, record: bytes) -> None:
        self._live -= 1
        self._ledger.write(time.time_ns(), CALL, call.number, record)
        self.after(REMEMBERED_S, lambda: self._forget(call))

    def _forget(self, call: Call) -> None:
        self._calls.pop(_key(call.invite), None)

    def _keep(self, sound: int, octets: bytes) -> None:
        self._ledger.write(time.time_ns(), SOUND, b"", SOUND_NUMBER.pack(sound) + octets)

    # --- what comes -------------------------------------------------------------------------------------------------

    def malformed(self) -> None:
        self.counts["malformed"] += 1

    def take(self, path: Path, raw: bytes) -> None:
        if not raw.strip():
            return  # somebody keeps his connection alive
        try:
            message = read_message(raw)
        except MalformedError:
            self.malformed()
            return
        if isinstance(message, Status):
            self._take_status(message)
            return
        call = self._calls.get(_key(message))
        match message.method:
            case "INVITE":
                self._invite(path, message, call)
            case "ACK":
                if call is not None:
                    call.acknowledge()
            case "CANCEL":
                known = call is not None and call.transaction == transaction_of(message)
                _answer(path, message, 200 if known else 481)
                if call is not None and known:
                    call.cancel()
            case "BYE":
                _answer(path, message, 481 if call is None else 200)
                if call is not None:
                    call.bye()
            case "OPTIONS":
                self.counts["options"] += 1
                _answer(path, message, 200, (("Allow", METHODS),))
            case _:
                _answer(path, message, 405, (("Allow", METHODS),))

    def _take_status(self, status: Status) -> None:
        """An answer to a BYE, which is all that a callee asks."""
        call = self._calls.get((status.call_id, status.to_tag))
        if call is not None and status.code >= 200:
            call.bye_answered()

    def _invite(self, path: Path, invite: Request, call: Call | None) -> None:
        if call is not None:
            call.invited_again(invite)
            return
        refusal = self._refusal(invite)
        if refusal is not None:
            status, headers = refusal
            _answer(path, invite, status, headers)
            return
        number = re.sub(r"\D", "", user_of(invite.uri)).encode()
        fate = self._fates.of(number, self._nth[number])
        self._nth[number] += 1
        call = Call(self, path, invite, number, fate)
        self._calls[_key(invite)] = call
        self._ledger.write(time.time_ns(), ACCEPTED, number, invite.raw)
        self._live += 1
        self.counts["calls"] += 1
        call.begin()

    def _refusal(self, invite: Request) -> tuple[int, Headers] | None:
        """Return why nobody is called at all."""
        if self._gate is not None:
            given = invite.header("proxy-authorization") or invite.header("authorization")
            verdict = self._gate.judge(given, "INVITE", time.time())
            if verdict == "refused":
                self.counts["not_authorized"] += 1
                return 403, ()
            if verdict != "granted":
                self.counts["challenged"] += 1
                name = "WWW-Authenticate" if self._terms.challenge == 401 else "Proxy-Authenticate"
                asked = self._gate.challenge(time.time(), stale=verdict == "stale")
                return self._terms.challenge, ((name, asked),)
        if self._terms.lines and self._live >= self._terms.lines:
            self.counts["lines_full"] += 1
            return 503, (("Retry-After", "1"),)
        if not self._throttle.grant(self.now):
            self.counts["throttled"] += 1
            return 503, (("Retry-After", "1"),)
        if len(re.sub(r"\D", "", user_of(invite.uri))) not in NUMBER_DIGITS:
            self.counts["no_number"] += 1
            return 404, ()
        return None

    # --- what it is commanded ---------------------------------------------------------------------------------------

    def freeze(self, *, frozen: bool, seconds: float) -> None:
        """Go dark, or wake: what is sent meanwhile is lost, what was meant to happen happens later."""
        del seconds
        self.frozen = frozen
        if frozen:
            self._later.hold()
            return
        for call in self._calls.values():
            call.skip()
        self._later.release()
        self.paths.thaw()

    def drop(self) -> None:
        """Every call is gone, as of a trunk that starts anew; nobody is told."""
        self._drop_all()
        self._calls.clear()

    def _drop_all(self) -> None:
        for call in self._calls.values():
            call.drop("trunk gone")

    def brownout(self, factor: float) -> None:
        self.slow = factor

    def behave(self, manner: Manner) -> bool:
        """A call is heard or not, and one too many is busy: there is nothing to lie about, and no throttle."""
        return manner == "work"

    def withhold(self, *, withheld: bool) -> None:
        """Let it ring: nobody answers or refuses until it is released."""
        if withheld:
            self._withheld = self._withheld or []
            return
        waiting, self._withheld = self._withheld or [], None
        for call in waiting:
            call.decide()

    def counters(self) -> dict[str, int]:
        lateness = {f"late_us_p{p}": self.lateness.percentile_us(p / 100) for p in (50, 99)}
        states = self.states
        now = {"live": self._live, "up": states["answered"] + states["talking"], "ringing": states["ringing"]}
        now |= {"packets": self.lateness.total, "dark": self.frozen}
        return dict(self.counts) | now | lateness

    def flush(self) -> None:
        self._ledger.flush()

    def close(self) -> None:
        self._drop_all()
        self.paths.close()
        self._ledger.close()


def _answer(path: Path, request: Request, status: int, headers: Headers = ()) -> None:
    path.send(write_answer(request, status, tag=secrets.token_hex(6), source=path.source, headers=headers))


def _key(request: Request) -> tuple[str, str]:
    """What names a call among those of one caller."""
    return request.header("call-id"), tag_of(request.header("from"))


def _act(acts: list[Callable[[], None]]) -> None:
    for act in acts:
        act()


def main() -> None:
    parser = ArgumentParser(prog="klaroen_bench.carriers.trunk", description=__doc__.splitlines()[0] if __doc__ else "")
    add_terms(parser)
    terms = read_terms(parser.parse_args())
    password = read_secret(terms.password_file)
    # A port for each call: as many as the system lets us have.
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    gc.set_threshold(100_000, 50, 100)
    serve(terms, lambda: Trunk(terms, password), lambda trunk: trunk.paths)


if __name__ == "__main__":
    main()
