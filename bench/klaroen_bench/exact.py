"""Thousands of texts that something on the way would like to change, and what handsets, telephones and mailboxes got.

Law: each text is posted as a crisis message, in JSON or CAP by turns, and goes by SMPP and HTTP, fails over, is tried
again, and is spoken where no proof comes; dispatch is killed again and again meanwhile. Time is virtual; the drivers,
the store and dispatch are the real ones. The authority's hash is of the octets that were posted; a handset's is of what
far ends decode by themselves. Cold mails carry the same texts.
"""

import itertools
import json
import logging
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from html import escape
from pathlib import Path
from typing import Any, Final, Protocol

import structlog
import trio
from msgspec import Struct
from msgspec.structs import replace
from trio.testing import MockClock

from klaroen.core import calls, cap
from klaroen.core.errors import InputError
from klaroen.core.intake import read_alert
from klaroen.core.model import LANGUAGES, AlertId, CarrierName, ClipId, Language, Plan, Window
from klaroen.core.ports import Carrier, Clip, Clock, Emit
from klaroen.core.views import AcceptedView
from klaroen.register.model import Register
from klaroen.setting_mail import Smtp
from klaroen.settings import Plugged, Sim, Smpp, SmsHttp
from klaroen.testing.country import address, network, register
from klaroen.testing.world import World
from klaroen_adapters.mail.smtp import SmtpCarrier
from klaroen_adapters.mail.smtp_opening import Terms
from klaroen_adapters.sms import gateway, sms_http
from klaroen_adapters.sms.smpp import SmppCarrier
from klaroen_bench.exact_ends import GatewayEnd, MailEnd, SmscEnd
from klaroen_bench.exact_texts import must_be_refused, texts

LOOK_S: Final = 1.0
LIVES_EVERY: Final = 40
"""Alerts between two deaths of dispatch."""
PATIENCE_S: Final = 900.0
CALLS: Final = Sim(name=CarrierName("trunk"), channels=("tts",), rate_per_s=100.0)
NIS5, MUNICIPALITY = "41002", "Aalst"
SPACE: Final = "urn:oasis:names:tc:emergency:cap:1.2"


class ExactOptions(Protocol):
    """What the command line gives."""

    texts: int
    seed: int
    json: bool


class Posted(Struct, frozen=True):
    """A text that was accepted, and for whom."""

    member: int
    digest: str


class Listener:
    """A voice: it keeps the hash of each text that it was given to read letter by letter (R10)."""

    def __init__(self) -> None:
        self.hashes: set[str] = set()
        self.loose = 0

    async def render(self, text: str, language: Language, *, verbatim: bool) -> Clip:  # noqa: ARG002
        await trio.lowlevel.checkpoint()
        digest = sha256(text.encode()).hexdigest()
        if verbatim:
            self.hashes.add(digest)
        else:
            self.loose += 1
        return Clip(ClipId(digest), 1.0, "ear")


class Built(Plugged, frozen=True, kw_only=True, tag_field="kind", tag="exact"):
    """A real driver whose network is memory."""

    make: Any
    knows_keys: bool = False

    @property
    def keyed(self) -> bool:
        return self.knows_keys

    def build(self, emit: Emit, clock: Clock) -> Carrier:
        carrier: Carrier = self.make(emit, clock)
        return carrier


class Trial:
    """One run: the world, its far ends, and what was posted."""

    def __init__(self, directory: Path, clock: MockClock, nursery: trio.Nursery, seed: int) -> None:
        self.smsc, self.gateway = SmscEnd(nursery, seed), GatewayEnd(nursery, seed + 1)
        self.mail, self.voice = MailEnd(nursery, seed + 2), Listener()
        self.posted: list[Posted] = []
        self.mailed: list[Posted] = []
        self.counts: Counter[str] = Counter()
        password = directory / "password"
        password.write_text("exact")
        password.chmod(0o600)
        data = directory / "data"
        data.mkdir()
        more = (self._smpp(password), self._http(), self._smtp())
        self.world = World(data, clock, [], country(), calls=CALLS, more=more, speaker=self.voice, seed=seed)

    def _smpp(self, password: Path) -> Built:
        name = CarrierName("smsc")
        settings = Smpp(name=name, channels=("sms",), host="smsc", system_id="exact", password_file=str(password))
        make = lambda emit, clock: SmppCarrier(settings, emit, clock, self.smsc.connect)  # noqa: E731
        return Built(name=name, channels=("sms",), make=make)

    def _http(self) -> Built:
        name = CarrierName("gateway")
        settings = SmsHttp(name=name, channels=("sms",), url="http://gateway.test/send")
        account = gateway.Account(settings.url)
        make = lambda emit, clock: sms_http.make(settings, account, emit, clock, self.gateway.connect)  # noqa: E731
        return Built(name=name, channels=("sms",), make=make, knows_keys=True)

    def _smtp(self) -> Built:
        name = CarrierName("mail")
        settings = Smtp(name=name, channels=("email",), host="relay", tls="none", sender="bin@example.be")
        terms = Terms("bin.test", "none")
        make = lambda emit, clock: SmtpCarrier(settings, terms, emit, clock, self.mail.connect)  # noqa: E731
        return Built(name=name, channels=("email",), make=make)

    # --- posting ----------------------------------------------------------------------------------------------------

    async def run(self, wanted: int, seed: int) -> None:
        """Post so many texts, in lives of dispatch that end in the middle of it."""
        rounds = _rounds(texts(seed), wanted)
        while some := list(itertools.islice(rounds, LIVES_EVERY)):
            left: list[str] = []
            async with self.world.until_dark():
                for number, round_ in enumerate(some):
                    left += await self._post(round_, xml=number % 2 == 1)
                self.counts["lives"] += 1
                self.world.kill()
            async with self.world.running():
                await self._over(left)
        rounds = _rounds(texts(seed), wanted)
        async with self.world.running():
            while some := list(itertools.islice(rounds, LIVES_EVERY)):
                await self._over([alert for round_ in some for alert in await self._mail(round_)])

    async def _over(self, alerts: Sequence[str]) -> None:
        """Wait until all of these are over."""
        with trio.fail_after(PATIENCE_S):
            while any(AlertId(alert) in self.world.desk.alerts for alert in alerts):  # noqa: ASYNC110 - virtual time
                await trio.sleep(LOOK_S)

    async def _post(self, round_: Mapping[Language, str], *, xml: bool) -> list[str]:
        """Post one crisis alert; return its id, or none where all of it had to be refused."""
        fine = {language: text for language, text in round_.items() if not must_be_refused(text, xml=xml)}
        for language, text in round_.items():
            if language not in fine:
                self.counts["refused"] += 1
                assert self._refuses({language: text}, xml=xml), "a control character was accepted"
        if not fine:
            return []
        submit = self._submit_xml(fine) if xml else self._submit_json(fine, "crisis")
        return await self._accepted(submit, fine, "crisis", self.posted)

    async def _mail(self, round_: Mapping[Language, str]) -> list[str]:
        fine = {language: text for language, text in round_.items() if not must_be_refused(text, xml=False)}
        submit = self._submit_json(fine, "cold") if fine else None
        return [] if submit is None else await self._accepted(submit, fine, "police", self.mailed)

    async def _accepted(
        self, submit: calls.Submit, fine: Mapping[Language, str], principal: str, into: list[Posted]
    ) -> list[str]:
        accepted = await self.world.ask(submit, AcceptedView, principal)
        hashes = {language: sha256(text.encode()).hexdigest() for language, text in fine.items()}
        self.counts["alerts"] += 1
        self.counts["altered_at_acceptance"] += hashes != dict(accepted.content_sha256)
        into += [Posted(LANGUAGES.index(language), digest) for language, digest in hashes.items()]
        return [accepted.id]

    def _refuses(self, round_: Mapping[Language, str], *, xml: bool) -> bool:
        try:
            if xml:
                self._submit_xml(round_)
            else:
                self._submit_json(round_, "crisis")
        except InputError as error:
            return error.problem.name in ("invalid", "malformed")
        return False

    def _submit_json(self, fine: Mapping[Language, str], alert_class: str) -> calls.Submit:
        """Raises InputError."""
        targets = {"networks": [f"BIN-{1 + LANGUAGES.index(language):04}" for language in fine]}
        content = {language: {"text": text} for language, text in fine.items()}
        body = json.dumps({"class": alert_class, "targets": targets, "content": content}).encode()
        self.counts["keys"] += 1
        return calls.Submit(read_alert(body), f"key{self.counts['keys']}", sha256(body).digest())

    def _submit_xml(self, fine: Mapping[Language, str]) -> calls.Submit:
        """Raises InputError. Every network is in the area: whose language is not there gets another (R16)."""
        self.counts["keys"] += 1
        body = _cap_message(fine, self.counts["keys"], self.world.clock.now() // 1000)
        profile = cap.Profile(municipalities={NIS5: MUNICIPALITY})
        message = cap.read_cap(body, "crisis_authority", profile, self.world.clock.now())
        assert isinstance(message, cap.Posted)
        return calls.Submit(message.request, message.key, sha256(body).digest(), message.expires_at, message.places)

    # --- what came of it --------------------------------------------------------------------------------------------

    def report(self) -> dict[str, Any]:
        """Return the counts; `missing` and `altered` are to be nought."""
        got: dict[str, set[str]] = defaultdict(set)
        every = {one.digest for one in self.posted}
        for end in (self.smsc, self.gateway):
            for number, hashes in end.received.hashes.items():
                got[number] |= hashes
        by_sms = {(one.member, one.digest) for one in self.posted if one.digest in got[address(one.member)]}
        spoken = {(one.member, one.digest) for one in self.posted if one.digest in self.voice.hashes}
        asked = {(one.member, one.digest) for one in self.posted}
        mails = self.mail.received.hashes
        mailed = {(one.member, one.digest) for one in self.mailed}
        strange = sum(len(hashes - every) for hashes in got.values()) + len(self.voice.hashes - every)
        strange += sum(len(hashes - {digest for _, digest in mailed}) for hashes in mails.values())
        unreadable = sum(end.received.unreadable for end in (self.smsc, self.gateway, self.mail))
        return {
            "texts": len(asked) + self.counts["refused"],
            "alerts": self.counts["alerts"],
            "refused": self.counts["refused"],
            "by": {"smpp": _copies(self.smsc), "http": _copies(self.gateway), "email": _copies(self.mail)},
            "spoken": len(spoken),
            "missing": len(asked - by_sms - spoken),
            "missing_sms": len(asked - by_sms),
            "missing_mails": len(mailed - {(m, d) for m, d in mailed if d in mails[mail_of(m)]}),
            "altered": strange + unreadable + self.counts["altered_at_acceptance"] + self.voice.loose,
            "lives": self.counts["lives"],
        }


def _copies(end: SmscEnd | GatewayEnd | MailEnd) -> int:
    return end.received.copies


def mail_of(member: int) -> str:
    return f"lid{member}@example.be"


def country() -> Register:
    """A network of one member for each language: crisis by SMS, then spoken; cold by mail."""
    urgent, cold = (Window("00:00", "24:00", ("sms", "tts")),), (Window("00:00", "24:00", ("email",)),)
    plan = Plan(1, "2020-01-01", urgent, cold)
    networks = [network(1 + at, languages=(language,), plans=(plan,)) for at, language in enumerate(LANGUAGES)]
    made = register(networks, 1)
    return replace(made, members=tuple(replace(one, email=mail_of(int(one.number))) for one in made.members))


def _rounds(source: Iterator[str], wanted: int) -> Iterator[dict[Language, str]]:
    """Yield the texts of one alert after the other: one in each language."""
    for start in range(0, wanted, len(LANGUAGES)):
        languages: Sequence[Language] = LANGUAGES[: wanted - start]
        yield dict(zip(languages, source, strict=False))


def _cap_message(fine: Mapping[Language, str], number: int, now_s: int) -> bytes:
    sent = datetime.fromtimestamp(now_s, UTC).isoformat()
    area = f"<area><areaDesc>x</areaDesc><geocode><valueName>NIS5</valueName><value>{NIS5}</value></geocode></area>"
    infos = "".join(
        f"<info><language>{language}</language><category>Safety</category><event>e</event><urgency>Immediate</urgency>"
        f"<severity>Severe</severity><certainty>Observed</certainty>"
        f"<description>{escape(text, quote=False).replace(chr(13), '&#13;')}</description>{area}</info>"
        for language, text in fine.items()
    )
    head = (
        f"<identifier>E-{number}</identifier><sender>exact</sender><sent>{sent}</sent><status>Actual</status>"
        "<msgType>Alert</msgType><scope>Public</scope>"
    )
    return f'<?xml version="1.0" encoding="UTF-8"?><alert xmlns="{SPACE}">{head}{infos}</alert>'.encode(
        "utf-8", "surrogatepass"
    )


def try_texts(wanted: int, seed: int) -> dict[str, Any]:
    """Return what came of so many texts."""

    async def main() -> dict[str, Any]:
        with tempfile.TemporaryDirectory(prefix="klaroen-exact-") as directory:
            async with trio.open_nursery() as nursery:
                trial = Trial(Path(directory), clock, nursery, seed)
                await trial.run(wanted, seed)
                nursery.cancel_scope.cancel()
            return trial.report()

    clock = MockClock(autojump_threshold=0)
    found: dict[str, Any] = trio.run(main, clock=clock)
    return found


def run_exact(options: ExactOptions) -> int:
    """Return 0 where every text came as it was posted, or was refused."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    report = try_texts(options.texts, options.seed)
    if options.json:
        sys.stdout.write(json.dumps(report) + "\n")
    else:
        for name, value in report.items():
            sys.stdout.write(f"{name:>16}  {value}\n")
    return int(bool(report["missing"] or report["missing_mails"] or report["altered"]))
