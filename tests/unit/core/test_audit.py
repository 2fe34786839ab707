"""The audit trail (R22): what is entered, and that nothing can be changed in it without a trace."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from klaroen.core import audit
from klaroen.core.audit import Deed, Link
from klaroen.core.mandates import Grant, Halt
from klaroen.core.model import (
    Alert,
    AlertId,
    CarrierName,
    Instant,
    MemberId,
    NetworkId,
    Recorded,
    RecordingId,
    Refusal,
    Text,
    Token,
)
from klaroen.core.replies import Quiet

AT = Instant(1_795_680_000_000)
ALERT = Alert(
    id=AlertId("A1"),
    alert_class="warm",
    mode="live",
    content={"nl": Text("Bel 0470 12 34 56", "Onderwerp"), "fr": Text("Appelez")},
    accepted_at=AT,
    expires_at=Instant(AT + 1000),
    token="zone-1",
    role="police",
    networks=(NetworkId("B1"), NetworkId("B2")),
    plan_versions=(1, 1),
    register_version=7,
    members=90,
    unreachable={"no_address": 3},
    refused=(Refusal(NetworkId("B3"), "R1", "stopped"),),
    reference="2026-118",
    author="insp. 4711",
    recording={"nl": Recorded(RecordingId("r1"), "clip", 3.0)},  # type: ignore[arg-type]
    supersedes=(AlertId("A0"),),
)
TOKEN = Token("zone-1", b"secret", "police", ("Z1",), municipalities=("Gent",), created_at=AT)

GRANT = Grant(NetworkId("B1"), "K1", ("cold",), Instant(AT + 1000), AT, "zone-1")


def chain(*deeds: Deed) -> list[Link]:
    links: list[Link] = []
    for number, deed in enumerate(deeds, 1):
        entry = audit.encode(deed)
        before = links[-1].digest if links else audit.ORIGIN
        links.append(Link(number, entry, audit.digest_of(before, number, entry)))
    return links


DEEDS = [
    audit.token_made(TOKEN),
    audit.imported(7, (b"zones", b"networks", b"members"), AT),
    audit.accepted(ALERT),
    audit.changed(AlertId("A1"), "paused", TOKEN, AT),
    audit.closed(ALERT, "done", {"reached": 80, "failed": 0, "handed_over": 7}, AT),
    audit.token_revoked("zone-1", AT),
    audit.granted(GRANT, TOKEN),
    audit.grant_withdrawn(NetworkId("B1"), "K1", TOKEN, AT),
    audit.halted("stopped", Halt(NetworkId("B1"), "It patrols.", "mayor", AT, "zone-1"), TOKEN),
    audit.released(ALERT, TOKEN, AT, "approve"),
]
LINKS = chain(*DEEDS)


def test_R22_an_acceptance_says_who_what_where_and_on_whose_authority() -> None:
    """Ids, counts and hashes, as JSON that anybody can read."""
    assert (
        b'{"what":"accepted","at":1795680000000,"by":"zone-1","role":"police","author":"insp. 4711","alert":"A1",'
        b'"class":"warm","mode":"live","reference":"2026-118","networks":["B1","B2"],"refused":["B3"],'
        b'"supersedes":["A0"],"members":90,"texts":{"fr":"%b","nl":"%b"},"recordings":{"nl":"r1"},"register_version":7}'
        % (sha256(b"Appelez").hexdigest().encode(), sha256(b"Bel 0470 12 34 56").hexdigest().encode())
    ) == LINKS[2].entry


def test_R22_no_text_number_or_secret_stands_in_it() -> None:
    whole = b"".join(link.entry for link in LINKS)
    for private in (b"0470", b"Onderwerp", b"Appelez", b"secret", b"members\x00", b"zones\x00"):
        assert private not in whole


def test_an_outcome_counts_only_what_there_was() -> None:
    closed = audit.decode(LINKS[4].entry)
    assert closed is not None
    assert {"reached": 80, "handed_over": 7} == closed.outcome


def test_R22_who_let_go_what_in_whose_place() -> None:
    released = audit.decode(LINKS[9].entry)
    assert released is not None
    assert ("A1", "accepted", "approve", ("A0",)) == (
        released.alert,
        released.state,
        released.verb,
        released.supersedes,
    )


def test_what_is_entered_comes_back() -> None:
    assert DEEDS == [audit.decode(link.entry) for link in LINKS]
    assert [None, None, None] == [audit.decode(entry) for entry in (b"", b"{}", b'{"what":"\xff"}')]


def test_a_whole_chain_holds() -> None:
    assert (len(DEEDS), LINKS[-1].digest, None) == audit.first_fault(LINKS)
    assert (len(DEEDS), LINKS[-1].digest, None) == audit.first_fault(LINKS[4:], 4, LINKS[3].digest)
    assert (0, audit.ORIGIN, None) == audit.first_fault([])


@given(data=st.data())
def test_R22_any_tampering_shows(data: st.DataObject) -> None:
    """Changed, removed, exchanged or put between: the chain says up to where it holds."""
    at = data.draw(st.integers(0, len(LINKS) - 1))
    link = LINKS[at]
    kind = data.draw(st.sampled_from(["change", "remove", "exchange", "insert", "rehash"]))
    tampered = list(LINKS)
    if kind == "change":
        place = data.draw(st.integers(0, len(link.entry) - 1))
        other = bytes([link.entry[place] ^ data.draw(st.integers(1, 255))])
        tampered[at] = Link(link.number, link.entry[:place] + other + link.entry[place + 1 :], link.digest)
    elif kind == "rehash":  # who forges an entry must forge all that follow
        entry = audit.encode(audit.token_revoked("another", AT))
        before = LINKS[at - 1].digest if at else audit.ORIGIN
        tampered[at] = Link(link.number, entry, audit.digest_of(before, link.number, entry))
        if at == len(LINKS) - 1:
            assert audit.first_fault(tampered)[1] != LINKS[-1].digest, "a noted head tells"
            return
    elif kind == "remove":
        if at == len(LINKS) - 1:
            assert audit.first_fault(tampered[:-1])[:2] == (at, LINKS[at - 1].digest), "a noted head tells"
            return
        del tampered[at]
    elif kind == "insert":
        tampered.insert(at, link)
    else:
        other_place = (at + 1) % len(LINKS)
        tampered[at], tampered[other_place] = tampered[other_place], tampered[at]
    number, _, words = audit.first_fault(tampered)
    assert words is not None
    assert number <= at + 1


def test_a_fault_is_told_by_number() -> None:
    assert "entry 3 is missing" == audit.first_fault([*LINKS[:2], *LINKS[3:]])[2]
    changed = Link(2, b"{}", LINKS[1].digest)
    assert (1, LINKS[0].digest, "entry 2 is not what was written") == audit.first_fault([LINKS[0], changed])


@pytest.mark.parametrize("carrier", [None, "smsc"])
def test_a_token_is_entered_with_its_scope(carrier: str | None) -> None:
    made = audit.token_made(Token("t", b"", "carrier", networks=("B1",), provinces=("Namur",), carrier=carrier))  # type: ignore[arg-type]
    assert ("t", ("B1", "Namur", *([carrier] if carrier else []))) == (made.token, made.scope)


# --- checkpoints ------------------------------------------------------------------------------------------------------


class Signs:
    """A sealer whose signature is what it signs, backwards."""

    name = "key1"

    def sign(self, octets: bytes) -> bytes:
        return octets[::-1]


HOLDS = {"key1": lambda signature, octets: signature == octets[::-1]}
HEAD = audit.head_of(LINKS[-1].number, LINKS[-1].digest)


def test_R22_a_checkpoint_signs_the_head_before_it() -> None:
    deed = audit.checkpoint(Signs(), AT, LINKS[-1])
    assert deed is not None
    assert ("checkpoint", HEAD, "key1") == (deed.what, deed.head, deed.key)
    assert None is audit.unsealed(deed, HEAD, HOLDS)
    assert deed == audit.decode(audit.encode(deed))


def test_R22_nothing_new_needs_no_checkpoint() -> None:
    sealed = chain(*DEEDS, audit.checkpoint(Signs(), AT, LINKS[-1]))  # type: ignore[arg-type]
    assert None is audit.checkpoint(Signs(), AT, sealed[-1])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"head": "1:ab"}, "it names another head than the one before it"),
        ({"key": "key2"}, "it is signed by another key (key2)"),
        ({"key": None}, "it is signed by another key (None)"),
        ({"at": Instant(AT + 1)}, "its signature is not the key's"),
        ({"signature": "00"}, "its signature is not the key's"),
        ({"signature": "no hex"}, "its signature is not the key's"),
        ({"signature": None}, "its signature is not the key's"),
    ],
)
def test_R22_a_checkpoint_that_was_changed_shows(changes: dict[str, object], words: str) -> None:
    deed = audit.checkpoint(Signs(), AT, LINKS[-1])
    assert deed is not None
    assert words == audit.unsealed(replace(deed, **changes), HEAD, HOLDS)


def test_R07_R17_R22_every_deed_says_who_did_what_and_to_what() -> None:
    """Neither a number nor a text: members by id, the others by the name of their token, or "command line"."""
    network, quiet = NetworkId("B1"), Quiet(MemberId("M1"), "sms", AT, "reply")
    deeds = [
        (audit.enrolled("member_put", TOKEN, network, "M1", 8, AT), ("member_put", "zone-1", "M1")),
        (audit.of_person("exported", "M1", AT), ("exported", audit.COMMAND_LINE, "M1")),
        (audit.forgotten(3, 8, AT), ("erased", "retention", None)),
        (audit.key_changed(2, AT), ("key", audit.COMMAND_LINE, None)),
        (audit.looked(TOKEN, AT, 1, member="M1"), ("looked", "zone-1", "M1")),
        (audit.looked(TOKEN, AT, 9, network=network), ("looked", "zone-1", None)),
        (audit.quieted(quiet), ("quiet", "member, by reply", "M1")),
        (audit.quiet_ended(quiet, TOKEN, AT), ("quiet_ended", "zone-1", "M1")),
        (audit.switched(TOKEN, CarrierName("c"), AT, avoided=True), ("carrier_avoided", "zone-1", None)),
        (audit.switched(TOKEN, CarrierName("c"), AT, avoided=False), ("carrier_restored", "zone-1", None)),
        (audit.pin_changed("pin", "O1", AT), ("pin", audit.COMMAND_LINE, None)),
    ]
    for deed, told in deeds:
        assert told == (deed.what, deed.by, deed.member)
