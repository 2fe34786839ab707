"""What people have decided and said, as far as it is durable: grants, stops, replies, and who wants nothing cold.

Law: it reads what was written and what carriers were told, never what dispatch holds. Instants are trio's.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Final

import msgspec
import trio

from klaroen.core.mandates import Grant
from klaroen.core.model import Alert, AlertClass, AlertId, Channel, Instant, NetworkId
from klaroen.core.ports import Reply
from klaroen.core.replies import ReplyRow, is_stop
from klaroen.testing import country
from klaroen.testing.simulator.facts import Answering

FOR_EVER: Final = float("-inf")
"""Since when nothing holds that never was."""
ADMITTED_S: Final = 1.0
"""An alert is judged before it is on the disk, which may be slow: what held so shortly before held then."""

_grant = msgspec.msgpack.Decoder(Grant).decode


class Rulings:
    """Of one world, over all its lives."""

    def __init__(self) -> None:
        self._grants: dict[NetworkId, Grant] = {}
        self._ungranted: dict[tuple[NetworkId, AlertClass], float] = {}
        self._stopped: dict[NetworkId, float] = {}
        self._quiet: dict[tuple[str, Channel | None], float] = {}
        """By mobile number, on all channels; by mail, on that one."""
        self._written: defaultdict[str, set[AlertId]] = defaultdict(set)
        """Member -> alerts that he has written back to."""
        self.replies: set[tuple[str, str]] = set()
        """(member, words) that are kept."""
        self._answers: Counter[str] = Counter()

    # --- what is written --------------------------------------------------------------------------------------------

    def decree(self, kind: str, name: str, decree: bytes | None) -> None:
        now = trio.current_time()
        if kind == "halt" and decree is None:
            self._stopped.pop(NetworkId(name), None)
        elif kind == "halt":
            self._stopped.setdefault(NetworkId(name), now)
        elif kind == "grant":
            network = NetworkId(name.partition("/")[0])
            before = self._grants.pop(network, None)
            after = None if decree is None else _grant(decree)
            for alert_class in () if before is None else before.classes:
                self._ungranted[network, alert_class] = now
            if after is not None:
                self._grants[network] = after
                for alert_class in after.classes:
                    self._ungranted.pop((network, alert_class), None)

    def keep(self, rows: Iterable[ReplyRow]) -> None:
        for row in rows:
            self._written[row.member].add(row.alert)
            self.replies.add((row.member, row.text or ""))

    def answer(self, members: Iterable[str]) -> Iterable[Answering]:
        """An answer to these is accepted."""
        for member in members:
            self._answers[member] += 1
            yield Answering(self._answers[member], len(self._written[member]))

    # --- what people were told --------------------------------------------------------------------------------------

    def told(self, reply: Reply) -> None:
        """Its carrier heard that it is kept."""
        if is_stop(reply.text):
            self._quiet.setdefault((reply.address, None), trio.current_time())

    def farewell(self, address: str) -> None:
        self._quiet.setdefault((address, "email"), trio.current_time())

    # --- since when -------------------------------------------------------------------------------------------------

    def ungranted_s(self, networks: Iterable[NetworkId], alert: Alert, now: Instant) -> float:
        """Return for how long none of these networks has let the alert's class be sent."""
        return min((self._lacks_s(name, alert.alert_class, now) for name in networks), default=0.0)

    def _lacks_s(self, network: NetworkId, alert_class: AlertClass, now: Instant) -> float:
        grant = self._grants.get(network)
        if grant is not None and alert_class in grant.classes:
            return max(0.0, (now - grant.ends_at) / 1000)
        return trio.current_time() - self._ungranted.get((network, alert_class), FOR_EVER)

    def is_granted(self, alert: Alert) -> bool:
        """Whether it may have been accepted under a grant of each of its networks."""
        lately = (self._lacks_s(name, alert.alert_class, alert.accepted_at) for name in alert.networks)
        return alert.role == "coordinator" and all(seconds <= ADMITTED_S for seconds in lately)

    def stopped_s(self, networks: Iterable[NetworkId]) -> float:
        """Return for how long all of these have been stopped."""
        now = trio.current_time()
        return min((now - self._stopped.get(name, now) for name in networks), default=0.0)

    def quiet_s(self, number: int, channel: Channel) -> float:
        """Return for how long this member has wanted nothing cold by that channel."""
        now = trio.current_time()
        said = [(country.address(number), None), (country.mail(number), channel)]
        return max(now - self._quiet.get(one, now) for one in said)

    def may_get(self, networks: Iterable[NetworkId]) -> frozenset[str]:
        """Return those that have not been stopped."""
        return frozenset(name for name in networks if name not in self._stopped)
