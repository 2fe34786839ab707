"""Why a channel of Asterisk ended, as the SIP status that says the same.

Law: no words here: `sip_status` has them. The SIP status that Asterisk saw (`tech_cause`) goes before the Q.850 cause
that it made of it, since one cause stands for several statuses; `dialstatus` is not asked, since NOANSWER is said of
404 and 603 alike. Source: RFC 3398, 7.2.4.1; 21 is what Asterisk makes of 603, and of 403 where it hides the status.
"""

from collections.abc import Mapping
from typing import Final

from klaroen.core.ports import Outcome, Refused, Unknown, Unsent
from klaroen_adapters.voice import sip_status
from klaroen_adapters.voice.ari_wire import Gone, Response
from klaroen_adapters.voice.sip_terms import Rejected

NOTHING_SAID: Final = 480
"""What stands for a cause that says nothing: nobody answered."""

STATUSES: Final[Mapping[int, int]] = {
    1: 404,
    2: 404,
    3: 404,
    17: 486,
    18: 408,
    19: 480,
    20: 480,
    21: 603,
    22: 410,
    23: 410,
    26: 404,
    27: 502,
    28: 484,
    29: 501,
    31: 480,
    34: 503,
    38: 503,
    41: 503,
    42: 503,
    44: 503,
    47: 503,
    50: 403,
    52: 403,
    55: 403,
    57: 403,
    58: 503,
    65: 488,
    70: 488,
    79: 501,
    87: 403,
    88: 503,
    102: 504,
    111: 500,
    127: 500,
}
"""Q.850 cause -> SIP status."""


def status_of(end: Gone) -> int:
    """Return the SIP status that says how the call ended."""
    if end.status is not None and 300 <= end.status <= 699:
        return end.status
    return STATUSES.get(end.cause, NOTHING_SAID)


def outcome(end: Gone, *, cancelled: bool) -> Outcome:
    """Return what the end of a channel that never rang means for its attempt."""
    return sip_status.outcome(_rejected(487 if cancelled else status_of(end), cancelled=cancelled))


def words(end: Gone, *, cancelled: bool) -> str:
    """Return how a call that rang ended without an answer."""
    return sip_status.words(_rejected(487 if cancelled else status_of(end), cancelled=cancelled))


def _rejected(status: int, *, cancelled: bool) -> Rejected:
    return Rejected("", status, "", cancelled=cancelled)


def refusal(response: Response) -> Outcome | None:
    """Return what the answer to an order means; None where the order stands.

    An order that Asterisk refuses has dialled nobody. 409: a channel of that attempt stands already.
    """
    status = response.status
    if 200 <= status < 300:
        return None
    if status == 409:
        return Unknown("an earlier call of it stands")
    if status >= 500:
        return Unsent(f"ari {status}")
    return Refused(f"ari {status}", "carrier")
