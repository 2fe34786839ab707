"""A simulated SMS gateway over HTTP: the generic profile, as fast and as unreliable as the simulated SMSC.

Law: an item is accepted once for its `ref`, however often it is asked; what is accepted is in the ledger before the
answer leaves. A batch is answered as a whole; throttled or with a full queue it is refused as a whole, nothing of it
taken.
Run: python -m klaroen_bench.carriers.gateway --listen 127.0.0.1:0 --ledger FILE; one line of JSON says it is ready.
"""

import asyncio
import gc
import time
from argparse import ArgumentParser
from collections import Counter
from datetime import UTC, datetime
from hmac import compare_digest
from pathlib import Path
from typing import Final

import msgspec

from klaroen_bench.carriers.conditions import Conditions, add_conditions, read_conditions, read_secret
from klaroen_bench.carriers.control import Manner
from klaroen_bench.carriers.door import Door, Throttle
from klaroen_bench.carriers.fate import UNDONE, Fate, Fates
from klaroen_bench.carriers.http_in import Exchange, HttpConnection
from klaroen_bench.carriers.ledger import ACCEPTED, HANDSET, Heading, LedgerWriter
from klaroen_bench.carriers.serve import TcpListener, serve
from klaroen_bench.carriers.webhook import Webhook
from klaroen_bench.carriers.wheel import Wheel

BATCH_MAX: Final = 1000
KNOWN_MAX: Final = 2_000_000
"""References remembered; beyond it the oldest is forgotten, as gateways do after a day."""
RETRY_AFTER_S: Final = 1


class Recipient(msgspec.Struct, frozen=True, gc=False):
    number: str
    ref: str


class Order(msgspec.Struct, frozen=True, gc=False):
    """The body of a submission."""

    text: str
    to: list[Recipient]
    batch: str = ""
    sender: str = ""
    validity_s: float | None = None
    receipts: str | None = None


class Item(msgspec.Struct, frozen=True, gc=False):
    ref: str
    id: str | None
    status: str
    code: str | None = None


class Copy(msgspec.Struct, frozen=True, gc=False):
    """An accepted item under way to its handset."""

    number: bytes
    ref: str
    body: bytes
    fate: Fate
    webhook: Webhook | None


class Gateway:
    def __init__(self, conditions: Conditions, token: str | None, secret: bytes, receipt_token: str | None) -> None:
        self._loop = asyncio.get_running_loop()
        self._conditions = conditions
        self._authorization = None if token is None else b"Bearer " + token.encode()
        self._secret = secret
        self._receipt_token = receipt_token
        self._fates = Fates(conditions.seed, conditions.odds, conditions.latency_ms / 1000.0)
        self._door = Door(conditions.drain_per_s, conditions.queue_max)
        self._throttle = Throttle(conditions.throttle_per_s)
        self._ledger = LedgerWriter(conditions.ledger, Heading(conditions.name, "sms", "gateway"))
        self._answers: Wheel[tuple[Exchange, bytes]] = Wheel(self._loop, self._answer)
        self._arrivals: Wheel[Copy] = Wheel(self._loop, self._arrive)
        self._late: Wheel[tuple[Webhook, bytes]] = Wheel(self._loop, self._prove_late)
        self._known: dict[str, Item] = {}
        self._webhooks: dict[str, Webhook] = {}
        self._slow = 1.0
        self._manner: Manner = "work"
        self.frozen = False
        self.counts: Counter[str] = Counter()
        self.connections: set[HttpConnection] = set()

    def session(self) -> HttpConnection:
        return HttpConnection(self)

    def request(self, exchange: Exchange) -> None:
        self.counts["requests"] += 1
        if self._authorization is not None and not compare_digest(exchange.authorization, self._authorization):
            exchange.answer(401)
        elif exchange.method != b"POST":
            exchange.answer(405)
        else:
            try:
                order = msgspec.json.decode(exchange.body, type=Order)
                webhook = self._webhook(order.receipts)
            except ValueError:  # of which msgspec's are, and UnicodeDecodeError
                exchange.answer(400)
                return
            if len(order.to) > BATCH_MAX:
                exchange.answer(413)
            else:
                self._take(exchange, order, webhook)

    def _webhook(self, url: str | None) -> Webhook | None:
        if url is None:
            return None
        webhook = self._webhooks.get(url)
        if webhook is None:
            webhook = self._webhooks[url] = Webhook(url, self._secret, self._receipt_token, self.counts)
        return webhook

    def _take(self, exchange: Exchange, order: Order, webhook: Webhook | None) -> None:
        """Accept or refuse each recipient of a batch, or the batch."""
        now, at_ns, slow = self._loop.time(), time.time_ns(), self._slow
        if self._manner == "throttle" or (not self._throttle.open and not self._throttle.grant(now)):
            self.counts["throttled"] += len(order.to)
            exchange.answer(429, retry_after_s=RETRY_AFTER_S)
            return
        if not self._door.open and self._door.waiting(now) + len(order.to) > self._conditions.queue_max:
            self.counts["queue_full"] += len(order.to)
            exchange.answer(503, retry_after_s=RETRY_AFTER_S)
            return
        shared = msgspec.json.encode({"batch": order.batch, "sender": order.sender, "text": order.text})[:-1]
        items: list[Item] = []
        answer_s = 0.0
        copies: list[tuple[float, Copy]] = []
        for to in order.to:
            number = to.number.removeprefix("+").encode()
            fate = UNDONE if self._manner == "lie" else self._fates.of(number)
            # A batch is one request: it takes as long as its first item.
            answer_s = answer_s or fate.answer_s * slow
            item = self._known.get(to.ref)
            if item is None:
                item = self._judge(to.ref, fate)
                if item.id is not None:
                    body = shared + b',"ref":' + msgspec.json.encode(to.ref) + b"}"
                    self._ledger.write(at_ns, ACCEPTED, number, body)
                    drained_at = self._door.enter(now, slow) or now
                    copies.append((drained_at, Copy(number, to.ref, body, fate, webhook)))
            else:
                self.counts["known"] += 1
            items.append(item)
        answer_at = now + answer_s
        if self._conditions.answer_when_drained and copies:
            answer_at = max(answer_at, copies[-1][0])
        for drained_at, copy in copies:
            taken_at = max(answer_at, drained_at) + copy.fate.arrival_s * slow
            self._arrivals.add(drained_at if copy.fate.early else taken_at, copy)
        self._answers.add(answer_at, (exchange, msgspec.json.encode({"items": items})))

    def _judge(self, ref: str, fate: Fate) -> Item:
        self.counts["submitted"] += 1
        if fate.refused:
            self.counts["refused"] += 1
            item = Item(ref, None, "refused", "invalid_number")
        else:
            self.counts["accepted"] += 1
            item = Item(ref, f"g{self.counts['accepted']:x}", "accepted")
        self._known[ref] = item
        if len(self._known) > KNOWN_MAX:
            del self._known[next(iter(self._known))]
        return item

    # --- what falls due ---

    def _answer(self, answers: list[tuple[Exchange, bytes]]) -> None:
        for exchange, body in answers:
            exchange.answer(200, body)

    def _arrive(self, copies: list[Copy]) -> None:
        now, at_ns, slow = self._loop.time(), time.time_ns(), self._slow
        at = datetime.fromtimestamp(at_ns / 1e9, UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
        reached = b',"state":"delivered","at":"%b"}' % at.encode()
        failed = b',"state":"failed","code":"absent","at":"%b"}' % at.encode()
        due: dict[Webhook, list[bytes]] = {}
        for copy in copies:
            fate = copy.fate
            if fate.lost:
                self.counts["lost"] += 1
            else:
                self._ledger.write(at_ns, HANDSET, copy.number, copy.body)
                self.counts["on_handset"] += 1
            if copy.webhook is None or fate.silent:
                continue
            receipt = b'{"ref":' + msgspec.json.encode(copy.ref) + (failed if fate.lost else reached)
            if fate.late_s:
                self._late.add(now + fate.late_s * slow, (copy.webhook, receipt))
            else:
                due.setdefault(copy.webhook, []).append(receipt)
            if fate.repeated:
                self._late.add(now + (fate.late_s + fate.arrival_s) * slow, (copy.webhook, receipt))
        for webhook, receipts in due.items():
            webhook.offer(receipts)

    def _prove_late(self, late: list[tuple[Webhook, bytes]]) -> None:
        for webhook, receipt in late:
            webhook.offer((receipt,))

    # --- what it is commanded ---

    def freeze(self, *, frozen: bool, seconds: float) -> None:
        """Stop (or resume) reading, answering, delivering and proving; connections stay open."""
        self.frozen = frozen
        for wheel in (self._answers, self._arrivals, self._late):
            if frozen:
                wheel.hold()
            else:
                wheel.release()
        for webhook in self._webhooks.values():
            webhook.freeze(frozen=frozen)
        for connection in self.connections:
            connection.freeze(frozen=frozen)
        if not frozen:
            self._door.shift(seconds)

    def drop(self) -> None:
        for connection in tuple(self.connections):
            connection.abort()

    def brownout(self, factor: float) -> None:
        self._slow = factor

    def withhold(self, *, withheld: bool) -> None:
        """Let the receipts for the URLs named so far pile up, or leave, in the order in which they came."""
        for webhook in self._webhooks.values():
            webhook.freeze(frozen=withheld)

    def behave(self, manner: Manner) -> bool:
        self._manner = manner
        return True

    def counters(self) -> dict[str, int]:
        return dict(self.counts) | {
            "connections": len(self.connections),
            "queued": self._door.waiting(self._loop.time()),
            "unanswered": self._answers.count,
            "under_way": self._arrivals.count,
            "receipts_pending": sum(webhook.pending for webhook in self._webhooks.values()) + self._late.count,
        }

    def flush(self) -> None:
        self._ledger.flush()

    def close(self) -> None:
        for webhook in self._webhooks.values():
            webhook.close()
        self.drop()
        self._ledger.close()


def main() -> None:
    parser = ArgumentParser(prog="klaroen_bench.carriers.gateway")
    add_conditions(parser)
    parser.add_argument("--token-file", type=Path, default=None, help="the bearer token; default: none asked")
    parser.add_argument("--receipt-secret-file", type=Path, default=None, help="signs receipts; default: an empty key")
    parser.add_argument("--receipt-token-file", type=Path, default=None, help="bearer token of receipts; default: none")
    options = parser.parse_args()
    conditions = read_conditions(options)
    token = read_secret(options.token_file)
    secret = (read_secret(options.receipt_secret_file) or "").encode()
    receipt_token = read_secret(options.receipt_token_file)
    gc.set_threshold(100_000, 50, 100)
    serve(
        conditions,
        lambda: Gateway(conditions, token, secret, receipt_token),
        lambda gateway: TcpListener(gateway.session),
    )


if __name__ == "__main__":
    main()
