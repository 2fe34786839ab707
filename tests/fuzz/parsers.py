"""Everything of ours that reads octets which somebody else wrote: how it is called, and what it may raise.

Law: whatever comes, a parser returns or raises what it promises; anything else is a fault of ours. A function that
reads octets stands in `covers` of a parser or in `OUTSIDE`, with the reason: a test finds those that do not.
"""

import subprocess
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import NamedTuple

from msgspec import MsgspecError
from tests.unit.core import cap_samples
from tests.unit.mail.test_smtp_session import ready
from tests.unit.sms import smpp_kit
from tests.unit.voice.sip_kit import LOCAL, SDP, TRUNK, terms

from klaroen.backup import BackupFault, Manifest, read_manifest
from klaroen.configuration import ConfigurationFaults, load_settings
from klaroen.core import audit, cap, follow_up, frames, intake, text
from klaroen.core.errors import InputError
from klaroen.core.model import AttemptId, CarrierName, Instant
from klaroen.edge import queries
from klaroen.edge.signature import Verifier
from klaroen.register.files import read_register
from klaroen.register.model import RegisterFaults
from klaroen_adapters.http_wire import RemoteFaultError, ResponseReader
from klaroen_adapters.mail.mail_report import read_report
from klaroen_adapters.mail.smtp_reply import Replies, ReplyError
from klaroen_adapters.sms import gateway, smpp_pdu
from klaroen_adapters.sms.smpp_receipt import ReceiptReader
from klaroen_adapters.sms.smpp_session import Session
from klaroen_adapters.sms.smpp_terms import make_terms
from klaroen_adapters.speech import decode as decoding
from klaroen_adapters.speech import frames as speech_frames
from klaroen_adapters.voice import ari_wire, sip_message, sip_sdp, twilio_mark, twilio_wire, voice_frames
from klaroen_adapters.voice.rtp_events import Keys
from klaroen_adapters.voice.sip_agent import UserAgent
from klaroen_adapters.voice.sip_stream import Stream
from klaroen_adapters.voice.twilio_callback import hear, read_form
from klaroen_adapters.voice.twilio_turn import Lengths, take_turn
from klaroen_adapters.whatsapp import whatsapp_callback, whatsapp_wire

NOW = Instant(1_795_302_930_000)
ATTEMPTS = (AttemptId("a0"), AttemptId("a1"))
ACCOUNT = twilio_mark.Account(CarrierName("cloud"), "https://api.test", "AC1", "t0ken", "https://bin.test")
CUT = 7
"""Streams come in pieces of this many octets: no wire may hang on where the network cuts."""


class Parser(NamedTuple):
    covers: tuple[str, ...]
    """Functions, by module and name without the package."""
    run: Callable[[bytes], object]
    raises: tuple[type[Exception], ...] = ()
    seeds: tuple[bytes, ...] = ()
    """Where mutations begin."""


def pieces(octets: bytes) -> list[bytes]:
    return [octets[at : at + CUT] for at in range(0, len(octets), CUT)]


def fed(feed: Callable[[bytes], object], octets: bytes) -> None:
    for piece in pieces(octets):
        feed(piece)


# --- those that need something around them ----------------------------------------------------------------------------


def run_smpp(octets: bytes) -> None:
    """A bound session; what it writes back is whole PDUs."""
    session = Session(make_terms(smpp_kit.settings(), ""), smpp_kit.NOW)
    session.take()
    session.receive(smpp_kit.pdu(smpp_kit.BIND_RESP, 0, 1), smpp_kit.NOW)
    fed(lambda piece: session.receive(piece, smpp_kit.NOW), octets)
    smpp_kit.pdus(session.take())


def run_smpp_receipt(octets: bytes) -> None:
    ReceiptReader("opaque", "handset").read_arrival(octets, None)
    smpp_pdu.parse_deliver(octets)
    smpp_pdu.parse_data(octets)
    smpp_pdu.parse_message_id(octets)


def run_smtp(octets: bytes) -> None:
    session = ready("PIPELINING", "DSN")
    fed(lambda piece: session.receive(piece, NOW), octets)


def run_sip_agent(octets: bytes) -> None:
    UserAgent(terms(), lambda: "draw").receive(octets, TRUNK, NOW)


def run_keys(octets: bytes) -> None:
    keys = Keys()
    for piece in (octets[at : at + 20] for at in range(0, len(octets), 20)):
        keys.feed(piece, {101})


def run_http(octets: bytes) -> None:
    fed(ResponseReader(bytes_max=10_000).feed, octets)


def run_gateway_receipts(octets: bytes) -> None:
    with suppress(InputError):
        gateway.parse_replies("generic", b"", {}, octets)
    gateway.parse_receipts("generic", "POST", b"", {}, octets)


def run_kannel_receipts(octets: bytes) -> None:
    gateway.authentic("kannel", b"secret", octets, {}, b"", NOW)
    with suppress(InputError):
        head, _, body = octets.partition(b"\n")
        for media in ('text/plain; charset="UTF-8"', 'text/plain; charset="UTF-16BE"', "application/octet-stream"):
            headers = {"x-kannel-from": head.decode("latin-1"), "content-type": media}
            gateway.parse_replies("kannel", b"for=replies", headers, body)
    gateway.parse_receipts("kannel", "GET", octets, {}, b"")


def run_gateway_answers(octets: bytes) -> None:
    head, _, body = octets.partition(b"\n")
    for profile in gateway.PROFILES:
        for status in (200, 429, 503):
            gateway.parse_answer(profile, ATTEMPTS, status, {"retry-after": head.decode("latin-1")}, body, NOW)


def run_signature(octets: bytes) -> None:
    head, _, body = octets.partition(b"\n")
    stamp, _, signature = head.decode("latin-1").partition(" ")
    headers = {"x-klaroen-timestamp": stamp, "x-klaroen-signature": signature}
    assert not gateway.authentic("generic", b"secret", b"", headers, body, NOW)


def run_twilio(octets: bytes) -> None:
    query, _, body = octets.partition(b"\n")
    form = read_form(body)
    mark, place = twilio_mark.read_mark(query)
    hear(mark, form, 10.0)
    take_turn(ACCOUNT, mark, place, form, Lengths(10.0, 3.0, 2.0), NOW)


def run_twilio_answers(octets: bytes) -> None:
    for status in (200, 201, 400, 429, 500):
        twilio_wire.read_outcome(status, {}, octets, NOW)
        twilio_wire.read_standing(status, octets)


def run_whatsapp(octets: bytes) -> None:
    assert not whatsapp_callback.authentic(b"secret", octets[:80].decode("latin-1"), octets)
    with suppress(InputError):
        whatsapp_callback.challenge_of(octets, b"t")
    with suppress(InputError):
        whatsapp_callback.parse_replies(octets, "1")
    whatsapp_callback.parse_receipts(octets, "1")


def run_whatsapp_answers(octets: bytes) -> None:
    head, _, body = octets.partition(b"\n")
    for status in (200, 400, 401, 429, 500):
        whatsapp_wire.parse_answer(ATTEMPTS[:1], status, {"retry-after": head.decode("latin-1")}, body, NOW)


def run_queries(octets: bytes) -> None:
    for shape in (queries.AlertsQuery, queries.DeliveriesQuery, queries.NetworksQuery, queries.ClipQuery):
        queries.read_query(octets, shape)


def run_register(octets: bytes) -> None:
    zones, _, rest = octets.partition(b"\x00")
    networks, _, members = rest.partition(b"\x00")
    read_register(zones, networks, members)


def run_toml(octets: bytes) -> None:
    with tempfile.NamedTemporaryFile() as file:
        file.write(octets)
        file.flush()
        load_settings(Path(file.name), {})


def run_manifest(octets: bytes) -> Manifest:
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "manifest.json").write_bytes(octets)
        return read_manifest(Path(directory))[0]


def run_audio(octets: bytes) -> None:
    with tempfile.NamedTemporaryFile() as file:
        file.write(octets)
        file.flush()
        decoding.decode(file.name)


@cache
def verifier() -> Verifier:
    with tempfile.TemporaryDirectory() as directory:
        line = ["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-x509"]
        line += ["-subj", "/CN=nccn", "-keyout", "nccn.key", "-out", "nccn.pem"]
        subprocess.run(line, cwd=directory, check=True, capture_output=True)
        return Verifier([f"{directory}/nccn.pem"])


def run_frames(octets: bytes) -> None:
    cutter = frames.Frames()
    for piece in pieces(octets):
        for body in cutter.feed(piece):
            frames.read_from_client(body)
            frames.read_from_dispatch(body)


def run_voice_frames(octets: bytes) -> None:
    voice_frames.read_from_client(octets)
    voice_frames.read_from_voice(octets)


# --- the list ---------------------------------------------------------------------------------------------------------

ALERT = (
    b'{"class":"warm","targets":{"networks":["B1"],"near":{"point":[4.0,51.0],"radius_m":5}},'
    b'"content":{"nl":{"text":"T"}},"expires_in_s":600,"channels":["sms"]}'
)
FOLLOW_UP = b'{"class":"cold","to":"reached","content":{"nl":{"text":"T"}}}'
RECEIPTS = b'[{"ref":"a0","state":"delivered","code":"0","at":"2026-11-21T23:15:30Z","part":1}]'
SIP_RESPONSE = (
    b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.9:5062;branch=z9hG4bKdraw\r\nFrom: <sip:a@b>;tag=1\r\n"
    b"To: <sip:c@d>;tag=2\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\nContact: <sip:c@192.0.2.1>\r\n"
    b"Content-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s" % (len(SDP), SDP.encode())
)
SIP_REQUEST = (
    b"INVITE sip:%s:5062 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa\r\nMax-Forwards: 70\r\n"
    b"From: <sip:+32470000001@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: y\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
) % LOCAL[0].encode()
DSN = (
    b"From: <>\r\nTo: terug+a0@politie.example\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report; "
    b'report-type=delivery-status; boundary="b"\r\n\r\n--b\r\n\r\nwords\r\n--b\r\nContent-Type: message/delivery-status'
    b"\r\n\r\nReporting-MTA: dns; relay\r\nOriginal-Envelope-Id: a0\r\n\r\nFinal-Recipient: rfc822; an@example.be\r\n"
    b"Action: failed\r\nStatus: 5.1.1\r\n\r\n--b--\r\n"
)
MARK = b"attempt=a1&ref=7&clip=" + b"a" * 64 + b"&plays=2&until=1795306400"
FORM = b"CallSid=CA1&To=%2B32470000001&CallStatus=completed&CallDuration=12&Digits=1"
WHATSAPP = (
    b'{"object":"whatsapp_business_account","entry":[{"changes":[{"field":"messages","value":{"metadata":'
    b'{"phone_number_id":"1"},"statuses":[{"id":"wamid.1","status":"delivered","timestamp":"1795302930",'
    b'"biz_opaque_callback_data":"a0","errors":[{"code":131026}]}]}}]}]}'
)
HTTP = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
REGISTER = (
    b'{"id":"Z1","name":"Z"}\x00{"id":"B1","name":"B","kind":"residents","zone":"Z1","municipality":"M","province":"P",'
    b'"region":"Vlaanderen","languages":["nl"],"recognised_on":"2019-05-01","area":{"streets":["K"]}}\x00'
    b"member_id,network_id,name,language,mobile,landline,email,whatsapp,preference,status,adult,house_rules\r\n"
    b'M1,B1,"A, B",,0470 12 34 56,,,,tts>sms,active,true,true\r\n'
)
TOML = b'data_dir = "d"\n[edge]\nlisten = "127.0.0.1:0"\n[[carrier]]\nname = "s"\nkind = "sim"\nchannels = ["sms"]\n'
ARI = b'{"type":"ChannelDtmfReceived","digit":"1","channel":{"id":"c","state":"Up","caller":{"number":"0"}}}'
WAV = (
    b"RIFF\x24\x08\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data\0\x08\0\0"
    + b"\x10\x27" * 1024
)
CAP = cap_samples.BROADCAST

PARSERS: Mapping[str, Parser] = {
    "alert": Parser(("core.intake.read_alert", "core.posted.read_json"), intake.read_alert, (InputError,), (ALERT,)),
    "follow-up": Parser(("core.follow_up.read_follow_up",), follow_up.read_follow_up, (InputError,), (FOLLOW_UP,)),
    "cap": Parser(
        ("core.cap.read_cap", "core.cap_xml.read_xml"),
        lambda octets: cap.read_cap(octets, "crisis_authority", cap.Profile("description", "subject", {}), NOW),
        (InputError,),
        (CAP,),
    ),
    "cap-signature": Parser(
        ("edge.signature.Verifier.signed",), lambda octets: verifier().signed(octets), (InputError,), (CAP,)
    ),
    "query": Parser(
        ("edge.queries.read_query",), run_queries, (InputError,), (b"limit=5&state=failed", b"near=4,51,5")
    ),
    "audit-entry": Parser(("core.audit.decode",), audit.decode, (), (b'{"what":"token","at":1,"by":"x"}',)),
    "gsm7": Parser(("core.text.gsm7_decode",), text.gsm7_decode, (ValueError,), (b"\x1b\x65\x00",)),
    "frames": Parser(
        ("core.frames.Frames.feed", "core.frames.read_from_client", "core.frames.read_from_dispatch"),
        run_frames,
        (frames.FrameError,),
        (b"\x00\x00\x00\x01\xc0", b"\x00\x00\x00\x0f\x82\xa4type\xa5greet\xa1p\xc3"),
    ),
    "voice-frames": Parser(
        ("voice.voice_frames.read_from_client", "voice.voice_frames.read_from_voice"),
        run_voice_frames,
        (frames.FrameError,),
        (b"\x81\xa4type\xa5hello",),
    ),
    "speech-frames": Parser(
        ("speech.frames.question", "speech.frames.answer"),
        lambda octets: (speech_frames.question(octets), speech_frames.answer(octets)),
        (MsgspecError, UnicodeDecodeError, RecursionError),
        (b"\x81\xa4type\xa3Say",),
    ),
    "register": Parser(
        ("register.files.read_register", "register.lines.read_source"), run_register, (RegisterFaults,), (REGISTER,)
    ),
    "toml": Parser((), run_toml, (ConfigurationFaults,), (TOML,)),
    "manifest": Parser(
        (), run_manifest, (BackupFault,), (b'{"klaroen":"1","schema":1,"made_at":1,"files":{},"keys":{}}',)
    ),
    "audio": Parser((), run_audio, (), (WAV, b"fLaC\0\0\0\x22", b"OggS\0\x02", b"ID3\x04\0\0\0\0\0\0\xff\xfb\x90\x64")),
    "http": Parser(("http_wire.ResponseReader.feed",), run_http, (RemoteFaultError,), (HTTP,)),
    "gateway-receipts": Parser(
        (
            "sms.gateway.parse_receipts",
            "sms.gateway.parse_replies",
            "sms.gateway_generic.parse_receipts",
            "sms.gateway_generic.parse_replies",
        ),
        run_gateway_receipts,
        (InputError,),
        (RECEIPTS,),
    ),
    "kannel-receipts": Parser(
        ("sms.gateway_kannel.parse_receipts", "sms.gateway_kannel.parse_replies", "sms.gateway_kannel.authentic"),
        run_kannel_receipts,
        (InputError,),
        (b"for=0123456789ab-T1&key=wrong&state=1&id=x", b"+32470000001\nIk zie iets"),
    ),
    "gateway-answers": Parser(
        ("sms.gateway.parse_answer", "sms.gateway_generic.parse_answer", "sms.gateway_kannel.parse_answer"),
        run_gateway_answers,
        (),
        (b'5\n{"items":[{"ref":"a0","id":"x","status":"accepted"}]}', b"\n0: Accepted for delivery"),
    ),
    "signed-receipts": Parser(
        ("sms.gateway.authentic", "sms.gateway_rules.verify"), run_signature, (), (b"1795302930 00ff\n[]",)
    ),
    "smpp": Parser(
        ("sms.smpp_session.Session.receive", "sms.smpp_pdu.Decoder.feed"),
        run_smpp,
        (),
        (smpp_kit.pdu(smpp_kit.DELIVER, 0, 2, smpp_kit.receipt("a", 1)[16:]), smpp_kit.pdu(smpp_kit.ENQUIRE)),
    ),
    "smpp-receipt": Parser(
        (
            "sms.smpp_receipt.ReceiptReader.read_arrival",
            "sms.smpp_receipt.network_error",
            "sms.smpp_receipt.address",
            "sms.smpp_pdu.parse_deliver",
            "sms.smpp_pdu.parse_data",
            "sms.smpp_pdu.parse_options",
            "sms.smpp_pdu.parse_message_id",
        ),
        run_smpp_receipt,
        (),
        (smpp_kit.receipt("a", 1)[16:],),
    ),
    "smtp": Parser(
        ("mail.smtp_session.Session.receive",), run_smtp, (), (b"250-a\r\n250 b\r\n", b"354 go\r\n550 5.1.1 no\r\n")
    ),
    "smtp-replies": Parser(
        ("mail.smtp_reply.Replies.feed",),
        lambda octets: fed(Replies().feed, octets),
        (ReplyError,),
        (b"250 2.0.0 ok\r\n",),
    ),
    "mail-report": Parser(
        ("mail.mail_report.read_report",), lambda octets: read_report(octets, mailbox=True), (InputError,), (DSN,)
    ),
    "sip": Parser(
        ("voice.sip_agent.UserAgent.receive", "voice.sip_message.interpret"),
        run_sip_agent,
        (),
        (SIP_RESPONSE, SIP_REQUEST),
    ),
    "sip-message": Parser(
        ("voice.sip_message.parse", "voice.sip_message.split_head"),
        sip_message.parse,
        (sip_message.ProtocolError,),
        (SIP_RESPONSE, SIP_REQUEST),
    ),
    "sip-stream": Parser(
        ("voice.sip_stream.Stream.feed",), lambda octets: fed(Stream().feed, octets), (), (SIP_RESPONSE + SIP_REQUEST,)
    ),
    "sdp": Parser(("voice.sip_sdp.read_answer",), sip_sdp.read_answer, (sip_sdp.SdpError,), (SDP.encode(),)),
    "rtp-keys": Parser(
        ("voice.rtp_events.Keys.feed",), run_keys, (), (b"\x80\xe5\0\x01\0\0\0\x05\0\0\0\x07\x01\x8a\x03\x20",)
    ),
    "ari": Parser(("voice.ari_wire.read",), ari_wire.read, (), (ARI,)),
    "twilio": Parser(
        ("voice.twilio_callback.read_form", "voice.twilio_mark.read_mark"),
        run_twilio,
        (InputError,),
        (MARK + b"\n" + FORM,),
    ),
    "whatsapp": Parser(
        (
            "whatsapp.whatsapp_callback.parse_receipts",
            "whatsapp.whatsapp_callback.parse_replies",
            "whatsapp.whatsapp_callback.authentic",
            "whatsapp.whatsapp_callback.challenge_of",
        ),
        run_whatsapp,
        (InputError,),
        (WHATSAPP, b"hub.mode=subscribe&hub.verify_token=t&hub.challenge=1"),
    ),
    "whatsapp-answers": Parser(
        ("whatsapp.whatsapp_wire.parse_answer",),
        run_whatsapp_answers,
        (),
        (b'5\n{"messages":[{"id":"wamid.1"}]}', b'\n{"error":{"code":131026,"message":"m"}}'),
    ),
    "twilio-answers": Parser(
        ("voice.twilio_wire.read_outcome", "voice.twilio_wire.read_standing"),
        run_twilio_answers,
        (),
        (b'{"sid":"CA1","status":"completed","duration":"12"}', b'{"code":21211,"message":"m"}'),
    ),
}

OUTSIDE: Mapping[str, str] = {
    "core.account.": "what we wrote into our own store",
    "core.audience.": "what we wrote into our own store",
    "core.journal.": "what we wrote into our own store",
    "core.records.": "a port",
    "core.sheet.": "what we wrote into our own store",
    "dispatch.": "what we wrote into our own store",
    "edge.door.": "reads by httptools; held by tests/unit/edge/test_door.py over a socket",
    "edge.wire.": "reads by core.frames",
    "mail.mail_dkim.": "a key that whoever installs us has made",
    "sms.smpp_outbox.": "writes what it is given",
    "store.": "what we wrote into our own store",
}
"""Functions that read octets, and none of a stranger's: by the beginning of their names."""
