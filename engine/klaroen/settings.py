"""One TOML file becomes one frozen value, or every fault in it at once.

Law: configuration is passed, never imported; unknown keys are refused; secrets stand in files of their own (`*_file`)
and never in this one. `config/klaroen.toml` gives every key with its unit and reason.
"""

from collections.abc import Mapping
from typing import ClassVar, Literal

from msgspec import Struct

from klaroen.core.model import AlertClass, CarrierName, Channel


class Section(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A table of the file."""


class Edge(Section, frozen=True):
    listen: str = "127.0.0.1:8080"
    tls_certificate: str | None = None
    tls_key_file: str | None = None
    client_ca: str | None = None
    public_url: str | None = None
    requests_per_s: float = 50.0
    """Per token; a warm or crisis alert is never refused for it."""


class Metrics(Section, frozen=True):
    edge: str = "127.0.0.1:9101"
    dispatch: str = "127.0.0.1:9102"


class Dispatch(Section, frozen=True):
    unjournaled_max: int = 1000
    drain_s: float = 15.0


class ClassSteps(Section, frozen=True):
    """How long each step of one class waits for proof (R15), and how calls behave."""

    sms_s: float = 60.0
    call_s: float = 90.0
    email_s: float = 3600.0
    whatsapp_s: float = 120.0
    ring_s: float = 30.0
    plays: int = 2
    grace_s: float = 5.0
    attempts_max: int = 4
    """Tries of one step over all carriers, the first included, after definite refusals to take it."""
    retry_s: float = 2.0
    """First back-off; it doubles, with jitter."""


class Steps(Section, frozen=True):
    crisis: ClassSteps = ClassSteps(sms_s=30.0, call_s=60.0)
    warm: ClassSteps = ClassSteps()
    public_interest: ClassSteps = ClassSteps(sms_s=300.0, call_s=120.0)
    cold: ClassSteps = ClassSteps(sms_s=3600.0, call_s=600.0, retry_s=30.0)


class Retention(Section, frozen=True):
    addresses_days: int = 30
    texts_days: int = 365
    recordings_days: int = 30
    replies_days: int = 30
    audit_years: int = 10
    counts_years: int = 10


class SmppProfile(Section, frozen=True):
    """How one SMPP carrier speaks: data, never code."""

    id_resp: Literal["opaque", "hex", "dec"] = "opaque"
    id_receipt: Literal["opaque", "hex", "dec"] = "opaque"
    receipt_means: Literal["handset", "network"] = "handset"
    multipart_receipt: Literal["all", "first", "last", "any"] = "all"
    alphabets: Mapping[Literal["gsm7", "latin1", "ucs2"], int] = {"gsm7": 0, "ucs2": 8}
    """Alphabet -> data_coding. `latin1` in place of `gsm7` where the SMSC's default alphabet is Latin-1."""
    long_message: Literal["udh", "sar", "payload"] = "udh"
    validity: Literal["relative", "absolute", "off"] = "relative"
    source_ton: int | None = None
    source_npi: int | None = None
    reference: bool = True
    """Send user_message_reference (0x0204)."""
    flash: bool = False
    statuses: Mapping[str, Literal["ok", "retry", "retry_later", "reroute", "permanent"]] = {}
    """Vendor command_status, such as "0x0400" -> what it means; unknown ones are rerouted."""
    enquire_link_s: float = 30.0
    response_s: float = 10.0
    system_type: str = ""


class CarrierSection(Section, frozen=True):
    """What every carrier has, whatever its kind."""

    name: CarrierName
    channels: tuple[Channel, ...]
    lanes: tuple[AlertClass, ...] = ()
    weight: float = 1.0
    cost_eur: float = 0.0
    keyed: ClassVar[bool] = False
    """The carrier knows attempts by our key: a repeat is not sent again."""


class Smpp(CarrierSection, frozen=True, kw_only=True, tag_field="kind", tag="smpp"):
    host: str
    system_id: str
    password_file: str
    port: int = 2775
    source: str | Mapping[AlertClass, str] = ""
    binds: int = 2
    window: int = 100
    first_sequence: int = 1
    rate_per_s: float = 1000.0
    tls: bool = False
    tls_ca: str | None = None
    tls_certificate: str | None = None
    tls_key_file: str | None = None
    profile: SmppProfile = SmppProfile()


class SmsHttp(CarrierSection, frozen=True, kw_only=True, tag_field="kind", tag="sms_http"):
    url: str
    token_file: str | None = None
    profile: Literal["generic", "kannel"] = "generic"
    user: str | None = None
    """Kannel's sendsms username; its password stands in `token_file`."""
    receipt_secret_file: str | None = None
    receipt_url: str | None = None
    """Where the carrier posts receipts; by default derived from `edge.public_url` or `edge.listen`."""
    sender: str = ""
    batch_max: int = 1000
    requests_max: int = 8
    """Requests in flight at once."""
    rate_per_s: float = 1000.0
    timeout_s: float = 10.0
    keyed: ClassVar[bool] = True


class Sim(CarrierSection, frozen=True, kw_only=True, tag_field="kind", tag="sim"):
    """In this process: for tests and drills. Shown as "simulated" wherever it appears."""

    seed: int = 1
    latency_ms: float = 20.0
    loss: float = 0.0
    rate_per_s: float = 1000.0
    lines: int | None = None
    ledger: str | None = None
    """A file to which each copy that a handset would have got is written, for audits."""
    keyed: ClassVar[bool] = True


CarrierSettings = Smpp | SmsHttp | Sim


class Settings(Section, frozen=True):
    data_dir: str = "./klaroen-data"
    store: str = "sqlite"
    edge: Edge = Edge()
    metrics: Metrics = Metrics()
    dispatch: Dispatch = Dispatch()
    steps: Steps = Steps()
    retention: Retention = Retention()
    carrier: tuple[CarrierSettings, ...] = ()
