"""Every carrier of ours keeps the promises of the port."""

from collections.abc import Callable
from pathlib import Path

import pytest
import trio
from tests.fakes.asterisk import PASSWORD, USER, AsteriskPeer
from tests.fakes.carrier_peers import GenericPeer, HttpGatewayPeer, KannelPeer, SimPeer, SmscPeer
from tests.fakes.twilio import SID, TOKEN, TwilioPeer
from trio.testing import MockClock

from klaroen.clips import ClipStore, duration_s
from klaroen.core.model import CarrierName, Channel
from klaroen.core.ports import Carrier, Clock, Emit
from klaroen.settings import Asterisk, Sim, Smpp, SmsHttp, Twilio
from klaroen.testing import CARRIER_CHECKS, CLIP, Check, Peer, carrier_conformance
from klaroen_adapters.sim import SimCarrier
from klaroen_adapters.sms import gateway
from klaroen_adapters.sms.smpp import SmppCarrier
from klaroen_adapters.sms.sms_http import SmsHttpCarrier
from klaroen_adapters.voice.ari import AriCarrier
from klaroen_adapters.voice.twilio import TwilioCarrier, account_of

Made = tuple[Callable[[Emit, Clock], Carrier], Peer]
SECRET = "S3cretOfOurs"


def http(profile: gateway.ProfileName, peer: HttpGatewayPeer) -> Made:
    settings = SmsHttp(
        CarrierName("gateway"), ("sms",), url="http://gateway.test/send", profile=profile, batch_max=10, requests_max=3
    )
    account = gateway.Account(
        settings.url, "8810", SECRET, "klaroen", "http://bin.test/v1/receipts/gateway", SECRET.encode()
    )
    return lambda emit, clock: SmsHttpCarrier(settings, account, emit, clock, peer.connect), peer


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


@pytest.mark.parametrize("check", CARRIER_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("make", [generic, kannel, sim, sim_calls, smpp, twilio, asterisk])
async def test_carrier(
    check: Check,
    make: Callable[[trio.Nursery, Path], Made],
    nursery: trio.Nursery,
    tmp_path: Path,
    autojump_clock: MockClock,
) -> None:
    """One promise, in the check's own words, by one carrier."""
    build, peer = make(nursery, tmp_path)
    channel: Channel = "tts" if make in (sim_calls, asterisk) else "sms"
    await carrier_conformance(check, build, peer, channel=channel, secrets=[SECRET, PASSWORD])
