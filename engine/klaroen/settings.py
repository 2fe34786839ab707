"""One TOML file becomes one frozen value, or every fault in it at once.

Law: configuration is passed, never imported; unknown keys are refused; secrets stand in files of their own (`*_file`)
and never in this one. `config/klaroen.toml` gives every key with its unit and reason.
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from msgspec import Meta, field

from klaroen.core.model import AlertClass, Channel
from klaroen.core.ports import Carrier, Clock, Emit
from klaroen.core.state import MultipartRule
from klaroen.setting_alerts import Cap, RegisterSettings, Retention
from klaroen.setting_kinds import (
    CallCarrier,
    DataCoding,
    FourEyes,
    Host,
    Listen,
    OpenFile,
    Port,
    Rate,
    SecretFile,
    Section,
    Sender,
    StatusCode,
    TextCarrier,
    Url,
    Wait,
)
from klaroen.setting_mail import Smtp
from klaroen.setting_whatsapp import Whatsapp


class Edge(Section, frozen=True):
    listen: Listen = "127.0.0.1:8080"
    tls_certificate: OpenFile | None = None
    tls_key_file: SecretFile | None = None
    client_ca: OpenFile | None = None
    public_url: Url | None = None
    requests_per_s: Rate = 50.0
    """Per token; a warm or crisis alert is never refused for it."""


class Metrics(Section, frozen=True):
    edge: Listen = "127.0.0.1:9101"
    dispatch: Listen = "127.0.0.1:9102"
    voice: Listen = "127.0.0.1:9103"


class Dispatch(Section, frozen=True):
    unjournaled_max: Annotated[int, Meta(ge=1, le=100_000)] = 1000
    drain_s: Annotated[float, Meta(ge=0, le=600)] = 15.0
    deliveries_max: Annotated[int, Meta(ge=1_000, le=100_000_000)] = 3_000_000


class Voice(Section, frozen=True):
    """The processes that make the calls of kind `sip`."""

    workers: Annotated[int, Meta(ge=1, le=16)] = 1
    """One fills a core at some 2,000 calls."""
    rtp_first: Annotated[int, Meta(ge=1024, le=65_534)] = 16_384
    rtp_last: Annotated[int, Meta(ge=1025, le=65_535)] = 32_767
    """Ports at which telephones' keys are heard, both included; each call takes an even one (RFC 3550, 11)."""


class ClassSteps(Section, frozen=True):
    """How long each step of one class waits for proof (R15), and how calls behave."""

    sms_s: Wait = 60.0
    call_s: Wait = 90.0
    email_s: Wait = 3600.0
    whatsapp_s: Wait = 120.0
    ring_s: Annotated[float, Meta(gt=0, le=180)] = 30.0
    """An exchange gives up a call that nobody answers after three minutes at most."""
    plays: Annotated[int, Meta(ge=1, le=10)] = 2
    grace_s: Annotated[float, Meta(ge=0, le=3600)] = 5.0
    attempts_max: Annotated[int, Meta(ge=1, le=100)] = 4
    """Tries of one step over all carriers, the first included, after definite refusals to take it."""
    retry_s: Wait = 2.0
    """First back-off; it doubles, with jitter."""


class Steps(Section, frozen=True):
    crisis: ClassSteps = ClassSteps(sms_s=30.0, call_s=60.0)
    warm: ClassSteps = ClassSteps()
    public_interest: ClassSteps = ClassSteps(sms_s=300.0, call_s=120.0)
    cold: ClassSteps = ClassSteps(sms_s=3600.0, call_s=600.0, retry_s=30.0)


class Audit(Section, frozen=True):
    key_file: SecretFile | None = None
    """Ed25519 in PEM: signs the audit trail's checkpoints; else `data_dir/keys/audit.key`."""


class Speech(Section, frozen=True):
    """Who reads texts aloud: the best voice that is installed, then the next."""

    piper: Mapping[Literal["nl", "fr", "de", "en"], OpenFile] = {}
    """A Piper voice (`.onnx`, with its `.onnx.json` beside it) by language; asked before all others."""
    mul: Literal["nl", "fr", "de", "en"] = "nl"
    """Whose voices read what tells no language, in a text that holds several."""
    deadline_s: Annotated[float, Meta(gt=0, le=120)] = 5.0
    """For 250 characters, and longer for more; an engine that takes longer is killed, and the next one asked."""
    workers: Annotated[int, Meta(ge=1, le=16)] = 2
    """Texts read at once; crisis texts have as many turns of their own."""


class SmppProfile(Section, frozen=True):
    """How one SMPP carrier speaks: data, never code."""

    id_resp: Literal["opaque", "hex", "dec"] = "opaque"
    id_receipt: Literal["opaque", "hex", "dec"] = "opaque"
    receipt_means: Literal["handset", "network"] = "handset"
    multipart_receipt: MultipartRule = "all"
    alphabets: Mapping[Literal["gsm7", "latin1", "ucs2"], DataCoding] = field(
        default_factory=lambda: {"gsm7": 0, "ucs2": 8}
    )
    """Alphabet -> data_coding. `latin1` in place of `gsm7` where the SMSC's default alphabet is Latin-1."""
    long_message: Literal["udh", "sar", "payload"] = "udh"
    validity: Literal["relative", "absolute", "off"] = "relative"
    source_ton: Annotated[int, Meta(ge=0, le=255)] | None = None
    source_npi: Annotated[int, Meta(ge=0, le=255)] | None = None
    reference: bool = True
    """Send user_message_reference (0x0204)."""
    flash: bool = False
    statuses: Mapping[StatusCode, Literal["ok", "retry", "retry_later", "reroute", "permanent"]] = {}
    """Vendor command_status, such as "0x0400" -> what it means; unknown ones are rerouted."""
    enquire_link_s: Annotated[float, Meta(gt=0, le=600)] = 30.0
    response_s: Annotated[float, Meta(gt=0, le=120)] = 10.0
    system_type: Annotated[str, Meta(pattern=r"^[!-~]{0,12}\Z", description="at most 12 ASCII characters")] = ""
    """SMPP 3.4, 4.1.1: 12 characters."""


class Smpp(TextCarrier, frozen=True, kw_only=True, tag_field="kind", tag="smpp"):
    host: Host
    system_id: Annotated[str, Meta(pattern=r"^[!-~]{1,15}\Z", description="1 to 15 ASCII characters")]
    """SMPP 3.4, 4.1.1: 15 characters."""
    password_file: SecretFile
    port: Port = 2775
    source: Sender | Mapping[AlertClass, Sender] = ""
    """One for all classes, or one a class; a class without one gets an empty source, which the SMSC then fills in."""
    binds: Annotated[int, Meta(ge=1, le=64)] = 2
    window: Annotated[int, Meta(ge=1, le=10_000)] = 100
    first_sequence: Annotated[int, Meta(ge=1, le=0x7FFFFFFF)] = 1
    tls: bool = False
    tls_ca: OpenFile | None = None
    tls_certificate: OpenFile | None = None
    tls_key_file: SecretFile | None = None
    profile: SmppProfile = SmppProfile()
    carries: ClassVar[tuple[Channel, ...]] = ("sms",)

    @property
    def multipart_rule(self) -> MultipartRule:
        return self.profile.multipart_receipt


class SmsHttp(TextCarrier, frozen=True, kw_only=True, tag_field="kind", tag="sms_http"):
    url: Url
    token_file: SecretFile | None = None
    profile: Literal["generic", "kannel"] = "generic"
    user: str | None = None
    """Kannel's sendsms username; its password stands in `token_file`."""
    receipt_secret_file: SecretFile | None = None
    receipt_url: Url | None = None
    """Where the carrier posts receipts; by default derived from `edge.public_url` or `edge.listen`."""
    sender: Sender = ""
    batch_max: Annotated[int, Meta(ge=1, le=10_000)] = 1000
    requests_max: Annotated[int, Meta(ge=1, le=128)] = 8
    """Requests in flight at once; the limit is eight pools of sixteen connections."""
    timeout_s: Annotated[float, Meta(gt=0, le=120)] = 10.0
    carries: ClassVar[tuple[Channel, ...]] = ("sms",)

    @property
    def keyed(self) -> bool:
        """Kannel knows no key: a repeat is a second message."""
        return self.profile == "generic"


class Twilio(CallCarrier, frozen=True, kw_only=True, tag_field="kind", tag="twilio"):
    """Calls or texts of an account at Twilio, SignalWire, Somleng or whoever speaks like them."""

    account: Annotated[str, Meta(pattern=r"^[A-Za-z0-9-]{1,64}\Z", description="1 to 64 of A-Z a-z 0-9 -")]
    """The account's sid, which is also the user of its requests."""
    token_file: SecretFile
    url: Url = "https://api.twilio.com"
    """What stands before `/2010-04-01`."""
    signing_key_file: SecretFile | None = None
    """Where callbacks are signed with another secret than the token (SignalWire)."""
    public_url: Url | None = None
    """Our edge as the carrier reaches it; by default `edge.public_url`, else `edge.listen`."""
    sender: Annotated[str, Meta(pattern=r"^[ -~]{0,34}\Z", description="at most 34 ASCII characters")] = ""
    """A number, a name, or the id of a messaging service; of calls, for zones without a `caller_id`."""
    calls_per_s: Rate = 1.0
    """Twilio queues what goes beyond the account's own, one by default."""
    rate_per_s: Rate = 10.0
    """Segments: what an alphanumeric sender drains; a number drains one."""
    lines: Annotated[int, Meta(ge=1, le=10_000)] = 10_000
    """Twilio sets no limit of its own."""
    requests_max: Annotated[int, Meta(ge=1, le=128)] = 16
    timeout_s: Annotated[float, Meta(gt=0, le=120)] = 8.0
    """Below the ten seconds after which an envelope without an answer is unknown."""
    carries: ClassVar[tuple[Channel, ...]] = ("sms", "voice", "tts")

    @property
    def calls(self) -> bool:
        """It carries calls, else texts: never both, since each has a rate of its own."""
        return "sms" not in self.channels

    @property
    def paced_per_s(self) -> float:
        return self.calls_per_s if self.calls else self.rate_per_s

    @property
    def silence_ms(self) -> int:
        """It answers requests, not telephones."""
        return 2_000

    @property
    def calls_outlive_us(self) -> bool:
        """They are the account's; its callbacks come whoever hears them."""
        return True

    @property
    def names_attempts(self) -> bool:
        """The address of each callback holds our key."""
        return True

    @property
    def multipart_rule(self) -> MultipartRule:
        """One id and one receipt, however many parts the text has."""
        return "first"


class Sip(CallCarrier, frozen=True, kw_only=True, tag_field="kind", tag="sip"):
    """Calls over a SIP trunk, made by the voice processes."""

    host: Host
    port: Port = 5060
    transport: Literal["udp", "tcp"] = "udp"
    user: Annotated[str, Meta(pattern=r"^[!-~]{0,64}\Z", description="at most 64 ASCII characters")] = ""
    password_file: SecretFile | None = None
    domain: Host | None = None
    """What stands in the addresses that are called; by default `host`, with the port where it is not 5060."""
    caller_id: Annotated[str, Meta(pattern=r"^(\+?[0-9]{1,15})?\Z", description="a number, such as +3221234567")] = ""
    """For zones without one of their own."""
    local_address: Host | None = None
    """The address at which the trunk reaches us; by default that of the interface which leads to it."""
    probe: bool = True
    """Ask the trunk for signs of life (OPTIONS). Without, it is taken to be up."""
    sockets: tuple[str, ...] = ()
    """Where the voice processes listen; derived from `data_dir` and `voice.workers`."""

    @property
    def calls_outlive_us(self) -> bool:
        """They are the voice processes'."""
        return True


class Asterisk(CallCarrier, frozen=True, kw_only=True, tag_field="kind", tag="asterisk"):
    """Calls by an Asterisk of one's own (version 16 or later), which it is told to make over its REST interface."""

    url: Url = "http://127.0.0.1:8088/ari"
    """Its REST interface; `https` is spoken with TLS, the WebSocket too."""
    user: Annotated[str, Meta(pattern=r"^[!-9;-~]{1,64}\Z", description="1 to 64 ASCII characters, no colon")]
    password_file: SecretFile
    endpoint: Annotated[str, Meta(extra={"check": "endpoint"})] = "PJSIP/{number}@trunk"
    """What is dialled: `{number}` is E.164 with its plus, `{digits}` is it without."""
    application: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,60}\Z", description="1 to 60 of A-Z a-z 0-9 _ -")] = ""
    """The name of our Stasis application, no other's on that Asterisk; by default klaroen-NAME."""
    caller_id: Annotated[str, Meta(pattern=r"^(\+[0-9]{3,15})?\Z", description="a number in E.164, with +")] = ""
    """For zones without one."""
    amd: bool = False
    """Whether the dial plan tells answering machines from people before anything is played."""
    amd_context: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,79}\Z", description="a context's name")] = "klaroen-amd"
    clips: Annotated[str, Meta(pattern=r"^/[^\x00-\x1f&]{0,200}\Z", description="an absolute path")] | None = None
    """The directory of the clips as Asterisk sees it; by default `data_dir/clips`."""
    data_dir: Annotated[str, Meta(min_length=1)] | None = None
    """Where we see them; derived from the `data_dir` above all sections."""
    central_language: Literal["nl", "fr", "de", "en"] | None = None
    """Whether the dial plan brings callers to the central number (R19), and what is spoken to them."""
    rest: Literal["auto", "websocket", "http"] = "auto"
    tls_ca: OpenFile | None = None

    @property
    def app(self) -> str:
        return self.application or f"klaroen-{self.name}".replace(".", "-")


class Sim(TextCarrier, frozen=True, kw_only=True, tag_field="kind", tag="sim"):
    """In this process: for tests and drills. Shown as "simulated" wherever it appears."""

    seed: int = 1
    latency_ms: Annotated[float, Meta(ge=0, le=600_000)] = 20.0
    loss: Annotated[float, Meta(ge=0, le=1)] = 0.0
    lines: Annotated[int, Meta(ge=1, le=10_000)] | None = None
    ledger: str | None = None
    """A file to which each copy that a handset would have got is written, for audits."""

    @property
    def keyed(self) -> bool:
        """A repeated attempt is known by its id."""
        return True

    @property
    def lines_max(self) -> int | None:
        return self.lines


class Plugged(TextCarrier, frozen=True, kw_only=True, tag_field="kind", tag="plugged"):
    """A carrier of a kind that another distribution brings.

    That distribution subclasses this with its own keys and `tag="KIND"`, and names the subclass in its entry-point
    group `klaroen.carriers` as `KIND`. `kind = "plugged"` itself is none.
    """

    def build(self, emit: Emit, clock: Clock) -> Carrier:
        """Return the carrier, which puts its events into `emit`."""
        raise NotImplementedError


CarrierSettings = Smpp | SmsHttp | Twilio | Smtp | Whatsapp | Sip | Asterisk | Sim | Plugged


class Settings(Section, frozen=True):
    data_dir: Annotated[str, Meta(min_length=1)] = "./klaroen-data"
    store: Annotated[str, Meta(extra={"check": "store"})] = "sqlite"
    edge: Edge = Edge()
    cap: Cap = Cap()
    metrics: Metrics = Metrics()
    dispatch: Dispatch = Dispatch()
    voice: Voice = Voice()
    four_eyes: FourEyes = FourEyes()
    steps: Steps = Steps()
    register: RegisterSettings = RegisterSettings()
    retention: Retention = Retention()
    audit: Audit = Audit()
    speech: Speech = Speech()
    carrier: tuple[CarrierSettings, ...] = ()
