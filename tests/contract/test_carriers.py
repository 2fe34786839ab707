"""Every carrier of ours keeps the promises of the port."""

import socket
from collections.abc import Callable
from pathlib import Path

import pytest
import trio
from msgspec.structs import replace
from tests.fakes.asterisk import PASSWORD, USER, AsteriskPeer
from tests.fakes.carrier_peers import GenericPeer, HttpGatewayPeer, KannelPeer, SimPeer, SmscPeer
from tests.fakes.graph import PHONE_ID, TEMPLATE, GraphPeer
from tests.fakes.loopback import LOOPBACK_S
from tests.fakes.sip_callee import SipPeer
from tests.fakes.smtp_peer import SmtpPeer
from tests.fakes.twilio import SID, TOKEN, TwilioPeer
from trio.testing import MockClock

from klaroen.clips import ClipStore, duration_s
from klaroen.core.model import CarrierName, Channel
from klaroen.core.ports import Carrier, Clock, Emit
from klaroen.setting_mail import Smtp
from klaroen.setting_whatsapp import CODES, Whatsapp
from klaroen.settings import Asterisk, Settings, Sim, Sip, Smpp, SmsHttp, Twilio
from klaroen.testing import CARRIER_CHECKS, CLIP, Check, Peer, carrier_conformance
from klaroen_adapters.mail.smtp import SmtpCarrier
from klaroen_adapters.mail.smtp_opening import Terms
from klaroen_adapters.sim import SimCarrier
from klaroen_adapters.sms import gateway, sms_http
from klaroen_adapters.sms.smpp import SmppCarrier
from klaroen_adapters.voice.ari import AriCarrier
from klaroen_adapters.voice.clip_shelf import ClipShelf
from klaroen_adapters.voice.sip import SipCarrier
from klaroen_adapters.voice.twilio import TwilioCarrier, account_of
from klaroen_adapters.voice.worker import Voice
from klaroen_adapters.whatsapp.whatsapp import make as make_whatsapp
from klaroen_adapters.whatsapp.whatsapp_wire import Account

Made = tuple[Callable[[Emit, Clock], Carrier], Peer]
SECRET = "S3cretOfOurs"


def http(profile: gateway.ProfileName, peer: HttpGatewayPeer) -> Made:
    settings = SmsHttp(
        CarrierName("gateway"), ("sms",), url="http://gateway.test/send", profile=profile, batch_max=10, requests_max=3
    )
    account = gateway.Account(
        settings.url, "8810", SECRET, "klaroen", "http://bin.test/v1/receipts/gateway", SECRET.encode()
    )
    return lambda emit, clock: sms_http.make(settings, account, emit, clock, peer.connect), peer


def generic(nursery: trio.Nursery, directory: Path) -> Made:
    return http("generic", GenericPeer(nursery))


def kannel(nursery: trio.Nursery, directory: Path) -> Made:
    return http("kannel", KannelPeer(nursery))


def sim(nursery: trio.Nursery, directory: Path) -> Made:
    settings = Sim(CarrierName("sim"), ("sms",), ledger=str(directory / "ledger.jsonl"))
    return lambda emit, clock: SimCarrier(settings, emit, clock), SimPeer(directory / "ledger.jsonl")


def sim_calls(nursery: trio.Nursery, directory: Path) -> Made:
    settings = Sim(CarrierName("sim"), ("tts",), ledger=str(directory / "ledger.jsonl"))
    return lambda emit, clock: SimCarrier(settings, emit, clock), SimPeer(directory / "ledger.jsonl")


def smpp(nursery: trio.Nursery, directory: Path) -> Made:
    password = directory / "password"
    password.write_text(SECRET)
    password.chmod(0o600)
    peer = SmscPeer(nursery)
    settings = Smpp(
        CarrierName("smsc"),
        ("sms",),
        host="smsc.test",
        system_id="klaroen",
        password_file=str(password),
        source="8810",
    )
    return lambda emit, clock: SmppCarrier(settings, emit, clock, peer.connect), peer


def twilio(nursery: trio.Nursery, directory: Path) -> Made:
    token = directory / "token"
    token.write_text(TOKEN)
    peer = TwilioPeer(nursery)
    settings = Twilio(
        name=CarrierName("cloud"),
        channels=("sms",),
        account=SID,
        token_file=str(token),
        url="http://twilio.test",
        public_url="http://bin.test",
        sender="8810",
        requests_max=30,
    )
    return lambda emit, clock: TwilioCarrier(settings, account_of(settings), emit, clock, connect=peer.connect), peer


def smtp(nursery: trio.Nursery, directory: Path) -> Made:
    peer = SmtpPeer(nursery)
    settings = Smtp(
        name=CarrierName("mail"), channels=("email",), host="relay.test", tls="none", sender="bin@example.be"
    )
    terms = Terms("bin.test", "none", "klaroen", SECRET)
    return lambda emit, clock: SmtpCarrier(settings, terms, emit, clock, peer.connect), peer


def whatsapp(nursery: trio.Nursery, directory: Path) -> Made:
    peer = GraphPeer(nursery)
    settings = Whatsapp(
        name=CarrierName("meta"),
        channels=("whatsapp",),
        url="http://graph.test/v23.0",
        phone_id=PHONE_ID,
        token_file="unread",
        template=TEMPLATE,
    )
    account = Account(f"{settings.url}/{PHONE_ID}/messages", SECRET, TEMPLATE, CODES, settings.text_max)
    return lambda emit, clock: make_whatsapp(settings, account, emit, clock, peer.connect), peer


def asterisk(nursery: trio.Nursery, directory: Path) -> Made:
    clip = ClipStore(directory).put(CLIP)
    peer = AsteriskPeer(nursery)
    peer.lengths_s[clip] = duration_s(CLIP)
    settings = Asterisk(
        name=CarrierName("pbx"),
        channels=("voice",),
        url="http://pbx.test/ari",
        user=USER,
        password_file="unread",
        data_dir=str(directory),
    )
    return lambda emit, clock: AriCarrier(settings, PASSWORD, emit, clock, peer.connect), peer


class SipUnderTest:
    """The driver with a voice process in this one: they talk over a real socket."""

    def __init__(self, directory: Path, peer: SipPeer, emit: Emit, clock: Clock) -> None:
        self._directory, self._peer, self._clock = directory, peer, clock
        self._path = directory / "voice.sock"
        self._sip = Sip(
            name=CarrierName("trunk"), channels=("voice",), host="127.0.0.1", sockets=(str(self._path),), lines=30
        )
        self._carrier = SipCarrier(self._sip, emit, clock)
        self.name, self.hand_over = self._carrier.name, self._carrier.hand_over
        self.acknowledge, self.drain = self._carrier.acknowledge, self._carrier.drain

    async def run(self) -> None:
        port = await self._peer.open()
        settings = Settings(data_dir=str(self._directory), carrier=(replace(self._sip, port=port),))
        listening = trio.socket.from_stdlib_socket(self._listening())
        listener = trio.SocketListener(listening)
        async with trio.open_nursery() as nursery:
            shelf = ClipShelf(ClipStore(self._directory), at_once=True)
            nursery.start_soon(Voice(settings, 0, shelf, self._clock).run, listener)
            await self._carrier.run()

    def _listening(self) -> socket.socket:
        """Bind at once: trio would do so in a thread, and virtual time does not wait for threads."""
        self._path.unlink(missing_ok=True)
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(str(self._path))
        listening.listen()
        return listening


def sip(nursery: trio.Nursery, directory: Path) -> Made:
    ClipStore(directory).put(CLIP)
    peer = SipPeer(nursery)
    return lambda emit, clock: SipUnderTest(directory, peer, emit, clock), peer


@pytest.mark.parametrize("check", CARRIER_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("make", [generic, kannel, sim, sim_calls, smpp, smtp, twilio, whatsapp, asterisk, sip])
async def test_carrier(
    check: Check,
    make: Callable[[trio.Nursery, Path], Made],
    nursery: trio.Nursery,
    tmp_path: Path,
    autojump_clock: MockClock,
) -> None:
    """One promise, in the check's own words, by one carrier."""
    if make is sip:
        autojump_clock.autojump_threshold = LOOPBACK_S  # its sockets are real
    build, peer = make(nursery, tmp_path)
    channels: dict[object, Channel] = {
        sim_calls: "tts",
        asterisk: "tts",
        sip: "tts",
        smtp: "email",
        whatsapp: "whatsapp",
    }
    channel = channels.get(make, "sms")
    await carrier_conformance(check, build, peer, channel=channel, secrets=[SECRET, PASSWORD])
