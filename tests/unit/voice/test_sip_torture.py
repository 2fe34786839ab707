"""RFC 4475, message by message: what our parser makes of it, and what an agent that takes no calls answers.

`read` is a message without a fault; a number is the status with which a request is refused for its form, and what the
RFC asks for; `refused` cannot even be answered, or must not be. The agent's own answer follows: it knows five methods.
"""

import pytest
from tests.unit.voice import torture
from tests.unit.voice.sip_kit import World

from klaroen.core.ports import Fault
from klaroen_adapters.voice.sip_headers import ProtocolError
from klaroen_adapters.voice.sip_message import Request, Response, parse
from klaroen_adapters.voice.sip_sdp import find_sdp
from klaroen_adapters.voice.sip_stream import Stream

VERDICTS: dict[str, tuple[str, str | int, int | None]] = {
    "WSINV": ("3.1.1.1", "read", 481),
    "INTMETH": ("3.1.1.2", "read", 405),
    "ESC01": ("3.1.1.3", "read", 403),
    "ESCNULL": ("3.1.1.4", "read", 405),
    "ESC02": ("3.1.1.5", "read", 405),
    "LWSDISP": ("3.1.1.6", "read", 200),
    "LONGREQ": ("3.1.1.7", "read", 403),
    "DBLREQ": ("3.1.1.8", "read", 405),
    "SEMIURI": ("3.1.1.9", "read", 200),
    "TRANSPORTS": ("3.1.1.10", "read", 200),
    "MPART01": ("3.1.1.11", "read", 405),
    "UNREASON": ("3.1.1.12", "read", None),
    "NOREASON": ("3.1.1.13", "read", None),
    "BADINV01": ("3.1.2.1", "refused", None),
    "CLERR": ("3.1.2.2", 400, 400),
    "NCL": ("3.1.2.3", 400, 400),
    "SCALAR02": ("3.1.2.4", 400, 400),
    "SCALARLG": ("3.1.2.5", "refused", None),
    "QUOTBAL": ("3.1.2.6", 400, 400),
    "LTGTRURI": ("3.1.2.7", 400, 400),
    "LWSRURI": ("3.1.2.8", 400, 400),
    "LWSSTART": ("3.1.2.9", 400, 400),
    "TRWS": ("3.1.2.10", 400, 400),
    "ESCRURI": ("3.1.2.11", 400, 400),
    "BADDATE": ("3.1.2.12", "read", 403),  # Date is nothing that we read
    "REGBADCT": ("3.1.2.13", "read", 405),  # nor is the Contact of a request
    "BADASPEC": ("3.1.2.14", "read", 200),  # both may be forgiven
    "BADDN": ("3.1.2.15", "read", 200),
    "BADVERS": ("3.1.2.16", 505, 505),
    "MISMATCH01": ("3.1.2.17", 400, 400),
    "MISMATCH02": ("3.1.2.18", 400, 400),
    "BIGCODE": ("3.1.2.19", "refused", None),
    "BADBRANCH": ("3.2.1", "read", 200),
    "INSUF": ("3.3.1", "refused", None),
    "UNKSCM": ("3.3.2", "read", 416),
    "NOVELSC": ("3.3.3", "read", 416),
    "UNKSM2": ("3.3.4", "read", 405),
    "BEXT01": ("3.3.5", "read", 420),
    "INVUT": ("3.3.6", "read", 403),
    "REGAUT01": ("3.3.7", "read", 405),
    "MULTI01": ("3.3.8", "refused", None),
    "MCL01": ("3.3.9", 400, 400),
    "BCAST": ("3.3.10", "read", None),
    "ZEROMF": ("3.3.11", "read", 200),
    "CPARAM01": ("3.3.12", "read", 405),
    "CPARAM02": ("3.3.13", "read", 405),
    "REGESCRT": ("3.3.14", "read", 405),
    "SDP01": ("3.3.15", "read", 403),
    "INV2543": ("3.4.1", "read", 403),
}


def message(name: str) -> bytes:
    octets = getattr(torture, name)
    assert isinstance(octets, bytes)
    return octets


def verdict(octets: bytes) -> str | int:
    try:
        found = parse(octets)
    except ProtocolError:
        return "refused"
    return found.fault[0] if isinstance(found, Request) and found.fault is not None else "read"


def test_no_message_of_the_rfc_is_left_out() -> None:
    """49 sections, each with its verdict."""
    assert {name for name in vars(torture) if name.isupper() and name != "SDP" and name[0] != "_"} == set(VERDICTS)
    assert 49 == len({section for section, _, _ in VERDICTS.values()})


@pytest.mark.parametrize("name", VERDICTS)
def test_the_parser_says_what_the_rfc_says(name: str) -> None:
    """Or forgives where the RFC lets it."""
    assert VERDICTS[name][1] == verdict(message(name))


@pytest.mark.parametrize("name", VERDICTS)
def test_the_agent_answers_each_at_once_or_never(name: str) -> None:
    """Whatever it is, there is nothing more to it than one answer, or a fault that is counted."""
    _, judged, status = VERDICTS[name]
    world = World()
    events = world.hear(message(name))
    assert [Fault] * (judged == "refused") == [type(event) for event in events]
    statuses = [] if status is None else [status]
    assert statuses == [int(octets[8:11]) for octets, _ in world.agent.take()]


@pytest.mark.parametrize("name", VERDICTS)
def test_a_stream_survives_what_a_datagram_survives(name: str) -> None:
    """Over TCP a message whose end cannot be told costs the connection, and no other one does."""
    stream, octets = Stream(), message(name)
    found = stream.feed(octets + b"\r\n\r\n" + torture.ZEROMF)
    endless = name in ("CLERR", "NCL", "MCL01", "INV2543", "INVUT")
    if endless:
        assert stream.is_broken or len(found) <= 2
    else:
        assert not stream.is_broken
        last = found[-1]
        assert isinstance(last, Request)
        assert "zeromf.jfasdlfnm2o2l43r5u0asdfas" == last.call_id


def test_the_tortuous_invite_is_read_to_the_letter() -> None:
    """3.1.1.1: folded, compact, blank and upside down."""
    invite = parse(torture.WSINV)
    assert isinstance(invite, Request)
    assert ("INVITE", "sip:vivekg@chair-dnrc.example.com;unknownparam", 9) == (
        invite.method,
        invite.uri,
        invite.sequence,
    )
    assert ("1918181833n", "98asjd8") == (invite.to_tag, invite.from_tag)
    assert "wsinv.ndaksdj@192.0.2.1" == invite.call_id
    assert ("192.0.2.2", 5060, "390skdjuw") == (invite.via.host, invite.via.port, invite.via.branch)
    assert ["0068"] == invite.headers["max-forwards"]
    assert [""] == invite.headers["subject"]
    assert ["newfangled value continued newfangled value"] == invite.headers["newfangledheader"]
    assert [";;,,;;,;"] == invite.headers["unknownheaderwithunusualvalue"]
    assert 150 == len(invite.body) == len(find_sdp(invite))


def test_unusual_characters_stay_what_they_are() -> None:
    """3.1.1.2: % is no escape in a method, quotes may hold NUL, and a branch may hold every sign of a token."""
    found = parse(torture.INTMETH)
    assert isinstance(found, Request)
    assert ("!interesting-Method0123456789_*+`.%indeed'~", 139122385) == (found.method, found.sequence)
    assert "_token~1'+`*%!-." == found.from_tag
    assert "intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{" == found.call_id
    assert "z9hG4bK-.!%66*_+`'~" == found.via.branch
    assert "\ufeff大停電".encode() == found.headers["extensionheader-!.%*+_`'~"][0].encode("latin-1")


def test_reasons_may_be_anything_or_nothing() -> None:
    """3.1.1.12 and 3.1.1.13."""
    unusual, empty = parse(torture.UNREASON), parse(torture.NOREASON)
    assert isinstance(unusual, Response)
    assert isinstance(empty, Response)
    assert (200, "= 2**3 * 5**2 но сто девяносто девять - простое".encode()) == (
        unusual.status,
        unusual.reason.encode("latin-1"),
    )
    assert (100, "") == (empty.status, empty.reason)


def test_one_datagram_holds_one_message() -> None:
    """3.1.1.8: what follows the first message is let be."""
    found = parse(torture.DBLREQ)
    assert ("8", b"") == (found.headers["cseq"][0].split()[0], found.body)
    assert "dblreq.0ha0isndaksdj99sdfafnl3lk233412" == found.call_id


def test_long_values_are_whole() -> None:
    """3.1.1.7: thirty-four Vias, long names and long values."""
    found = parse(torture.LONGREQ)
    assert 34 == len(found.headers["via"])
    assert f"12{'982' * 50}424" == found.from_tag
    assert f"longreq.one{'really' * 20}longcallid" == found.call_id


def test_the_answer_to_an_unknown_extension_names_it() -> None:
    """3.3.5: 420 with what is not supported."""
    world = World()
    world.hear(torture.BEXT01)
    assert ["nothingSupportsThis, nothingSupportsThisEither"] == world.one(Response).headers["unsupported"]
