"""What a command_status means for a message, and for a bind: tables, with the carrier's own on top.

Law: an error answer is a definite no, so the message was not processed; what is not in the tables goes to another
carrier. A status never takes the bind down, but for those that say that there is none.
"""

from collections.abc import Mapping
from typing import Final, Literal, assert_never

from klaroen.core.ports import Refused, Unsent

Meaning = Literal["ok", "retry", "retry_later", "reroute", "permanent"]
"""A carrier's own statuses, as its profile words them."""

ESME_ROK: Final = 0x00
ESME_RINVCMDID: Final = 0x03
ESME_RINVBNDSTS: Final = 0x04
ESME_RALYBND: Final = 0x05
ESME_RINVPASWD: Final = 0x0E
ESME_RINVSYSID: Final = 0x0F
ESME_RMSGQFUL: Final = 0x14
ESME_RINVSYSTYP: Final = 0x53
ESME_RX_R_APPN: Final = 0x66

RETRY_LATER_S: Final = 30.0
"""`retry_later` in a profile: the carrier's trouble is expected to last longer than a burst."""

_THROTTLED: Final = Unsent("throttled", throttled=True)
THROTTLING: Final[dict[int, Unsent]] = {
    0x08: _THROTTLED,  # ESME_RSYSERR
    0x14: _THROTTLED,  # ESME_RMSGQFUL
    0x58: _THROTTLED,  # ESME_RTHROTTLED
    0x64: _THROTTLED,  # ESME_RX_T_APPN
}

_SCOPES: Final[dict[int, Literal["address", "content"]]] = {
    0x01: "content",  # ESME_RINVMSGLEN
    0x07: "content",  # ESME_RINVREGDLVFLG
    0x0B: "address",  # ESME_RINVDSTADR
    0x50: "address",  # ESME_RINVDSTTON
    0x51: "address",  # ESME_RINVDSTNPI
    0x62: "content",  # ESME_RINVEXPIRY
}

CREDENTIALS: Final = {
    ESME_RINVPASWD: "the password is refused",
    ESME_RINVSYSID: "the system_id is refused",
    ESME_RINVSYSTYP: "the system_type is refused",
}
"""Refusals of a bind that no repetition heals, and that repetition may get us locked out for."""


def code_of(status: int) -> str:
    """Return "0x000B", as vendors' manuals and the profile write it."""
    return f"0x{status:04X}"


class Statuses:
    """One carrier's reading of command_status; each outcome is made once."""

    def __init__(self, vendor: Mapping[str, Meaning]) -> None:
        self._outcomes: dict[int, Refused | Unsent] = dict(THROTTLING)
        self._outcomes |= {status: Refused(code_of(status), scope) for status, scope in _SCOPES.items()}
        self._outcomes[ESME_RINVBNDSTS] = Unsent("not bound")
        self._accepting = {ESME_ROK}
        for name, meaning in vendor.items():
            status = int(name, 16)
            outcome = _outcome(code_of(status), meaning)
            if outcome is None:
                self._accepting.add(status)
            else:
                self._outcomes[status] = outcome

    def is_accepted(self, status: int) -> bool:
        return status in self._accepting

    def outcome(self, status: int) -> Refused | Unsent:
        """Return what an error answer means for its message: unless known otherwise, another carrier may take it."""
        return self._outcomes.get(status) or Refused(code_of(status), "carrier")


def _outcome(code: str, meaning: Meaning) -> Refused | Unsent | None:
    """Return what a vendor's status means, None where it means success."""
    match meaning:
        case "ok":
            return None
        case "retry":
            return Unsent(code)
        case "retry_later":
            return Unsent(code, retry_after_s=RETRY_LATER_S)
        case "reroute":
            return Refused(code, "carrier")
        case "permanent":
            return Refused(code, "address")
        case unknown:
            assert_never(unknown)
