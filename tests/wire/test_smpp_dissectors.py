"""Our octets before two readers that we did not write: Wireshark's dissector and smpplib's parser."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from smpplib import smpp as smpplib_smpp
from tests.unit.sms import smpp_kit as kit
from tests.wire.smpp_peer import needs_tshark

from klaroen.core.model import Instant
from klaroen.settings import SmppProfile
from klaroen_adapters.sms.smpp_content import Concatenations, Contents
from klaroen_adapters.sms.smpp_session import Session
from klaroen_adapters.sms.smpp_terms import make_terms

PROFILES = {
    "usual": SmppProfile(),
    "latin1 by sar, absolute": SmppProfile(
        alphabets={"latin1": 3, "ucs2": 8}, long_message="sar", validity="absolute", system_type="VMA"
    ),
    "payload, flash": SmppProfile(long_message="payload", flash=True, validity="off", reference=False),
    "latin1 flash": SmppProfile(alphabets={"latin1": 3}, flash=True),
}
TEXTS = {
    "short": "Inbraak bezig in de Kerkstraat.",
    "long": "Inbraak {bezig} in de Kerkstraat. " * 12,
    "ucs2": "België 👮",
    "long ucs2": "België 👮 " * 40,
}
SEGMENT_BYTES = 1000
"""Less than a long message's PDUs together, so that the dissector must join segments too."""


def written(profile: SmppProfile, text: str) -> bytes:
    """Return everything that a session can write, once."""
    chosen = kit.settings(profile=profile, source="BE-Alert", window=100)
    session = Session(make_terms(chosen, "a long password"), kit.NOW)
    octets = session.take()
    session.receive(kit.pdu(kit.BIND_RESP, 0, 1, b"SMSC\0"), kit.NOW)
    contents = Contents(chosen)
    for body in (text, TEXTS["short"]):
        of = kit.content(body)
        parts = contents.parts(of, kit.NOW)
        if isinstance(parts, tuple):
            session.submit(kit.envelopes(2, of), parts, Concatenations(0).draw, Instant(kit.NOW + 9), kit.NOW)
    asked = kit.receipt("m1", 50, esm_class=0) + kit.pdu(kit.ENQUIRE, 0, 51) + kit.pdu(0x0B, 0, 52)
    session.receive(asked + kit.receipt("m1", 53, esm_class=0, command=kit.DATA), kit.NOW)
    octets += session.take()
    session.acknowledge(kit.DELIVER_RESP, [60, 61], stored=True)
    session.acknowledge(kit.DELIVER_RESP, [62], stored=False)
    session.tick(Instant(kit.NOW + 30_000))
    session.receive(kit.pdu(kit.ENQUIRE_RESP, 0, 1), kit.NOW)
    session.unbind()
    return octets + session.take()


def dissect(octets: bytes, directory: Path) -> list[dict[str, Any]]:
    """Return Wireshark's view: the layers of each captured segment."""
    dump = []
    for at in range(0, len(octets), SEGMENT_BYTES):
        segment = octets[at : at + SEGMENT_BYTES]
        lines = (f"{line:06x} {segment[line : line + 16].hex(' ')}" for line in range(0, len(segment), 16))
        dump.append("\n".join(lines) + "\n")
    (directory / "dump").write_text("\n".join(dump))
    capture = directory / "capture.pcap"
    subprocess.run(
        ["text2pcap", "-q", "-T", "40000,2775", directory / "dump", capture],
        check=True,
        capture_output=True,
        timeout=30,
    )
    shown = subprocess.run(
        ["tshark", "-r", capture, "-d", "tcp.port==2775,smpp", "-T", "json", "--no-duplicate-keys"],
        check=True,
        capture_output=True,
        timeout=60,
    )
    return [packet["_source"]["layers"] for packet in json.loads(shown.stdout)]


def fields(layer: Any, name: str) -> list[str]:
    """Return the values of a field, however deep it stands."""
    found: list[str] = []
    if isinstance(layer, dict):
        for key, value in layer.items():
            if key == name:
                found += value if isinstance(value, list) else [value]
            else:
                found += fields(value, name)
    elif isinstance(layer, list):
        for value in layer:
            found += fields(value, name)
    return found


@pytest.mark.peer
@needs_tshark
@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_wireshark_finds_nothing_malformed(tmp_path: Path, profile: SmppProfile, text: str) -> None:
    """Every PDU that we write, in every profile: as many as we wrote, of those commands, and none malformed."""
    octets = written(profile, text)
    packets = dissect(octets, tmp_path)
    assert [] == fields(packets, "_ws.malformed")
    assert [] == fields(packets, "_ws.expert.message")
    commands = [f"0x{command:08x}" for command, _, _ in kit.heads(octets)]
    assert sorted(commands) == sorted(fields(packets, "smpp.command_id"))


@pytest.mark.peer
@needs_tshark
def test_wireshark_would_find_it(tmp_path: Path) -> None:
    """The check can fail: a text that runs past its PDU is malformed."""
    whole = kit.receipt("m1")
    at = whole.index(b"id:m1") - 1  # sm_length
    torn = whole[:at] + b"\xf0" + whole[at + 1 :]
    assert [] == fields(dissect(whole, tmp_path), "_ws.malformed")
    assert [] != fields(dissect(torn, tmp_path), "_ws.malformed")


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_smpplib_reads_the_same(profile: SmppProfile, text: str) -> None:
    """A second opinion on each submit_sm: ends, coding, flags, and the octets of the text."""
    for command, _, sequence, body in kit.pdus(written(profile, text)):
        if command == kit.SUBMIT:
            read = smpplib_smpp.parse_pdu(
                kit.pdu(command, 0, sequence, body), client=_Client(), allow_unknown_opt_params=True
            )
            assert (5, 0, b"BE-Alert") == (read.source_addr_ton, read.source_addr_npi, read.source_addr)
            assert (1, 1) == (read.dest_addr_ton, read.dest_addr_npi)
            assert read.destination_addr.startswith(b"3247000")
            assert (1, 0) == (read.registered_delivery, read.replace_if_present_flag)
            assert bool(read.esm_class & 0x40) is bool(
                read.short_message and read.short_message.startswith(b"\x05\x00\x03")
            )


class _Client:
    """What smpplib's parser asks of its client."""

    sequence = 1

    def next_sequence(self) -> int:
        return 1
