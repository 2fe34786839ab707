"""What a SIP user agent goes by, what it says of its calls, and where its octets go.

Law: values only. Each call that was invited ends with exactly one of `Rejected`, `Lost` and `Ended`; before that come
at most one `Ringing` and, after it, at most one `Answered`. `Ended` comes only after `Answered`.
"""

from typing import Literal

from msgspec import Struct

from klaroen.core.ports import Fault

Address = tuple[str, int]
"""(IP address, port), as the socket module takes IPv4 and the first two of IPv6."""
Datagram = tuple[bytes, Address]
"""What `sendto` takes. Over TCP the octets go down the connection whose peer is that address, or else the trunk's."""
CallName = str
"""Names a call between its owner and the agent, and is its Call-ID: 1 to 40 of A-Z a-z 0-9 _ (an attempt's id)."""


class Terms(Struct, frozen=True):
    """One trunk, the same for all of its calls."""

    domain: str
    """Host, or host:port, of the URIs that we call and call from, as it stands in a URI (IPv6 in brackets)."""
    trunk: Address
    """Where requests go, unless a dialog's route says otherwise by address. Over TCP all go here."""
    local: Address
    """Where we hear: what Via and Contact say. Over TCP the connection's own address."""
    transport: Literal["udp", "tcp"] = "udp"
    user: str = ""
    password: str = ""

    def __repr__(self) -> str:
        return f"Terms({self.domain!r})"


class Media(Struct, frozen=True, gc=False):
    """What the callee's SDP says: where to play to, and how."""

    address: str
    """An IP address."""
    port: int
    codec: Literal["PCMA", "PCMU"]
    """PCMA wherever the callee takes it, since that is what clips are."""
    payload: int
    """The RTP payload type of `codec`: 8 or 0, unless the callee gave it a number of its own."""
    ptime_ms: int
    """What the callee would like in one packet; 20 if it does not say."""
    events: int | None
    """The payload type of its telephone-events, None if it knows none. Ours (`sip_sdp.EVENTS`) may come as well."""


class Ringing(Struct, frozen=True, gc=False):
    """The first 180, 183 or 200: the telephone rings, as far as the trunk knows. `rang` below says that this came."""

    call: CallName
    status: int


class Answered(Struct, frozen=True, gc=False):
    """The first 200, its SDP understood and its ACK on the way: play."""

    call: CallName
    media: Media


class Rejected(Struct, frozen=True, gc=False):
    """A final answer that is none: `sip_status` says what it means. Nothing follows.

    487 also stands for a call that we cancelled and that ended so or otherwise (a 200 that crossed our CANCEL has been
    hung up); 488 for a 200 whose SDP we cannot use; 401 and 407 for credentials that were refused.
    """

    call: CallName
    status: int
    words: str
    """Ours, or the trunk's reason phrase in ASCII, bounded; no number in it that was not in the phrase."""
    retry_after_s: float | None = None
    rang: bool = False
    cancelled: bool = False
    """We gave it up first: its time was over, or its owner hung up."""


class Lost(Struct, frozen=True, gc=False):
    """Nobody knows: no answer to the INVITE in time, no end after our CANCEL, or the connection went. Nothing follows.

    Should the trunk still answer, the agent cancels or hangs up what it began, without another event.
    """

    call: CallName
    words: str
    rang: bool = False


class Ended(Struct, frozen=True, gc=False):
    """An answered call is over: the peer hung up, or our BYE has its answer (or never got one). Nothing follows."""

    call: CallName
    by: Literal["us", "peer"]
    words: str = ""


class Probed(Struct, frozen=True, gc=False):
    """What became of `probe`: the status of the answer, whatever it is, or None for silence."""

    status: int | None


SipEvent = Ringing | Answered | Rejected | Lost | Ended | Probed | Fault
"""`Fault` is core's: something odd that cost nothing, in words that hold no member's data."""
