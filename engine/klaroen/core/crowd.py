"""How many deliveries may be open at once, by class: what can wait makes room for what cannot.

Law: warm and crisis alerts are never asked to come later because of others that can wait; beyond what the machine's
memory holds nobody is promised anything.
"""

from collections.abc import Mapping
from typing import Final

from klaroen.core.model import AlertClass

SHARES: Final[Mapping[AlertClass, float]] = {"crisis": 1.0, "warm": 1.0, "public_interest": 0.5, "cold": 0.25}
"""Of all deliveries that may be open, how full it may be for an alert of this class to be accepted."""
PATIENT: Final[frozenset[AlertClass]] = frozenset({"public_interest", "cold"})
"""Their senders can be asked to come later (429); for the others it is the service that is unavailable (503)."""
WAIT_S_MIN, WAIT_S_MAX = 1.0, 3_600.0


def excess(alert_class: AlertClass, open_count: int, new_count: int, most: int) -> int:
    """Return how many deliveries too many there would be; an alert that comes alone is never too large."""
    if not open_count:
        return 0
    return max(0, open_count + new_count - int(most * SHARES[alert_class]))


def wait_s(excess_count: int, per_s: float) -> float:
    """Return when so many will have left at this rate, within reason."""
    return round(min(WAIT_S_MAX, max(WAIT_S_MIN, excess_count / per_s if per_s else WAIT_S_MAX)), 1)
