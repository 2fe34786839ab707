"""What the sections of the configuration are made of: kinds of value, and what every carrier has.

Law: a kind of value has its bounds beside it. Which sections there are is in `settings`.
"""

from typing import Annotated, ClassVar

from msgspec import Meta, Struct

from klaroen.core.model import AlertClass, CarrierName, Channel
from klaroen.core.state import MultipartRule

# --- kinds of value, each with its bounds; `check` names the look at the world that `configuration` takes -------------

Name = Annotated[CarrierName, Meta(pattern=r"^[A-Za-z0-9_.-]{1,40}\Z", description="1 to 40 of A-Z a-z 0-9 _ . -")]
"""Stands in paths, labels and files: no character that any of them would have to quote."""
Listen = Annotated[str, Meta(extra={"check": "listen"})]
"""`host:port`; port 0 picks a free one, which `data_dir/run/ports.json` then tells."""
Url = Annotated[str, Meta(max_length=2000, extra={"check": "url"})]
OpenFile = Annotated[str, Meta(min_length=1, extra={"check": "file"})]
"""A file that anybody may read: a certificate, a list of authorities."""
SecretFile = Annotated[str, Meta(min_length=1, extra={"check": "secret"})]
"""A file that the world may not read; what it holds, less the last line end, is the secret."""
Host = Annotated[
    str, Meta(pattern=r"^[^\s/:@]{1,253}\Z|^[0-9A-Fa-f:.]{2,45}\Z", description="a name or an address, without port")
]
Port = Annotated[int, Meta(ge=1, le=65_535)]
Rate = Annotated[float, Meta(gt=0, le=100_000)]
"""A second; the limit is fifty times what the largest national account drains [2,000]."""
Wait = Annotated[float, Meta(gt=0, le=86_400)]
"""Seconds; a day, since no alert but a cold one lives longer."""
Days = Annotated[int, Meta(ge=1, le=36_525)]
Years = Annotated[int, Meta(ge=1, le=100)]
DataCoding = Annotated[int, Meta(ge=0, le=255)]
Sender = Annotated[str, Meta(extra={"check": "sender"})]
"""No `pattern`: msgspec 0.22 frees one twice where such a text stands beside a mapping in a union."""
StatusCode = Annotated[
    str, Meta(pattern=r"^0x(?!0+\Z)[0-9A-Fa-f]{1,8}\Z", description='a status other than 0, such as "0x0400"')
]
"""An SMPP command_status other than 0, which is success whatever a vendor says."""


Nis5 = Annotated[str, Meta(pattern=r"^[0-9]{5}\Z", description='the five digits of a municipality, such as "44021"')]


class Section(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A table of the file."""


class CarrierSection(Section, frozen=True):
    """What every carrier has, whatever its kind."""

    name: Name
    channels: tuple[Channel, ...]
    lanes: tuple[AlertClass, ...] = ()
    weight: Annotated[float, Meta(gt=0, le=1000)] = 1.0
    cost_eur: Annotated[float, Meta(ge=0, le=100)] = 0.0
    carries: ClassVar[tuple[Channel, ...]] = ()
    """The channels that this kind can carry; none named means any."""

    @property
    def keyed(self) -> bool:
        """The carrier knows attempts by our key: a repeat is not sent again."""
        return False

    @property
    def names_attempts(self) -> bool:
        """Its receipts name attempts by our key, so that they tell what became of one whose answer was lost."""
        return self.keyed

    def unable(self, text: str) -> str | None:  # noqa: ARG002 - most can carry any text
        """Return why this carrier cannot carry the text exactly; None where it can."""
        return None

    @property
    def paced_per_s(self) -> float:
        """What it is offered at most: segments of texts, or calls."""
        raise NotImplementedError

    @property
    def lines_max(self) -> int | None:
        """Calls that may be up at once; None where nobody counts them."""
        return None

    @property
    def silence_ms(self) -> int:
        """Without any answer for so long it is left alone."""
        return 2_000

    @property
    def calls_outlive_us(self) -> bool:
        """Whether calls go on while dispatch starts again, and their carrier then tells how they end."""
        return False

    @property
    def multipart_rule(self) -> MultipartRule:
        """Which parts of a text its receipts speak for."""
        return "all"


class TextCarrier(CarrierSection, frozen=True, kw_only=True):
    """A carrier that drains segments."""

    rate_per_s: Rate = 1000.0

    @property
    def paced_per_s(self) -> float:
        return self.rate_per_s


class CallCarrier(CarrierSection, frozen=True, kw_only=True):
    """A carrier that makes calls: so many begun a second, so many standing at once."""

    calls_per_s: Rate = 5.0
    lines: Annotated[int, Meta(ge=1, le=10_000)] = 30
    """An E1, the smallest trunk that is sold by the line, has thirty."""
    carries: ClassVar[tuple[Channel, ...]] = ("voice", "tts")

    @property
    def paced_per_s(self) -> float:
        return self.calls_per_s

    @property
    def lines_max(self) -> int | None:
        return self.lines

    @property
    def silence_ms(self) -> int:
        """A mobile may take six seconds to ring, and some trunks have one call in hand: the limit of an answer."""
        return 10_000


Members = Annotated[int, Meta(ge=0, le=10_000_000)]


class FourEyes(Section, frozen=True):
    """Above how many members an alert of a class waits for a second person; None: never."""

    crisis: Members | None = None
    warm: Members | None = None
    public_interest: Members | None = None
    cold: Members | None = None
