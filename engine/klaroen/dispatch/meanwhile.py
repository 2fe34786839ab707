"""What was decided while an alert was being written: a stop, a withdrawal, a STOP, a removal.

Law: whoever decides holds every alert in hand against the decision; one that has been judged and is not durable yet is
in nobody's hand, so it is held against what stands by then as soon as it is.
"""

from klaroen.dispatch import quieting
from klaroen.dispatch.barring import enforce
from klaroen.dispatch.desk import Desk
from klaroen.dispatch.leaving import bar_leavers_since
from klaroen.dispatch.open_alert import OpenAlert


def catch_up(desk: Desk, opened: OpenAlert) -> None:
    """Hold a new alert against everything that may have changed since it was judged."""
    enforce(desk, [opened])
    quieting.enforce_standing(desk, [opened])
    if opened.alert.register_version < desk.register.snapshot.version:
        bar_leavers_since(desk, opened.alert.register_version)
