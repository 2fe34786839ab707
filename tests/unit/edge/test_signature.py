"""Signed CAP messages: only what a pinned certificate has signed is read, and all of what is read was signed."""

import subprocess
from pathlib import Path

import pytest
from lxml import etree
from signxml import XMLSigner
from signxml.algorithms import SignatureConstructionMethod
from tests.unit.core.cap_samples import NOW_MS, info, message
from tests.unit.edge.virtual import in_virtual_time
from tests.unit.edge.world import edge_world

from klaroen.core.calls import Submit
from klaroen.core.cap import Posted, Profile, read_cap
from klaroen.core.errors import InputError
from klaroen.core.model import Instant
from klaroen.edge.signature import AT, Verifier

TEXT = " België\r\n  <b>\U0001f692 "


def make_key(directory: Path, name: str) -> tuple[str, str]:
    """Return (private key, certificate) in PEM, and leave the certificate at `name.pem`."""
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj"
    key, certificate = directory / f"{name}.key", directory / f"{name}.pem"
    command = ["openssl", *words.split(), f"/CN={name}", "-keyout", key, "-out", certificate]
    subprocess.run(command, check=True, capture_output=True)
    return key.read_text(), certificate.read_text()


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, str]]:
    directory = tmp_path_factory.mktemp("signers")
    made = {name: make_key(directory, name) for name in ("ours", "second", "strange")}
    return made | {"at": (str(directory), "")}


def sign(body: bytes, pair: tuple[str, str]) -> bytes:
    key, certificate = pair
    signer = XMLSigner(SignatureConstructionMethod.enveloped, signature_algorithm="ecdsa-sha256")
    return bytes(etree.tostring(signer.sign(etree.fromstring(body), key=key, cert=certificate)))


def verifier(keys: dict[str, tuple[str, str]], *names: str) -> Verifier:
    return Verifier([f"{keys['at'][0]}/{name}.pem" for name in names])


def refused(one: Verifier, body: bytes) -> tuple[str, object]:
    with pytest.raises(InputError) as caught:
        one.signed(body)
    return caught.value.problem.name, caught.value.problem.at


def test_a_message_signed_by_a_pinned_key_is_read_as_it_was_signed(keys) -> None:
    """The text is the same, character by character; a later key of the list counts too."""
    body = sign(message(info(TEXT)), keys["second"])
    signed = verifier(keys, "ours", "second").signed(body)
    told = read_cap(signed, "crisis_authority", Profile(), Instant(NOW_MS))
    plain = read_cap(message(info(TEXT)), "crisis_authority", Profile(), Instant(NOW_MS))
    assert isinstance(told, Posted)
    assert told == plain
    assert b"Signature" not in signed


def test_who_is_not_pinned_has_signed_nothing(keys) -> None:
    """A certificate that the message brings along is never believed."""
    assert ("invalid", AT) == refused(verifier(keys, "ours"), sign(message(), keys["strange"]))
    assert ("invalid", AT) == refused(verifier(keys, "ours"), message())


def test_what_was_changed_after_it_was_signed_is_refused(keys) -> None:
    body = sign(message(), keys["ours"])
    assert ("invalid", AT) == refused(verifier(keys, "ours"), body.replace(b"ramen", b"deuren"))
    assert ("invalid", AT) == refused(verifier(keys, "ours"), body.replace(b"Actual", b"Test"))


def test_a_signed_message_inside_another_one_is_not_the_message(keys) -> None:
    """Wrapping: a real signature carried along somewhere does not speak for what stands around it."""
    genuine = sign(message(), keys["ours"])
    inner = genuine.partition(b"?>")[2] if genuine.startswith(b"<?xml") else genuine
    wrapped = message(info("Vals.")).replace(b"</alert>", inner + b"</alert>")
    assert ("invalid", AT) == refused(verifier(keys, "ours"), wrapped)
    (signature,) = etree.fromstring(genuine).findall("{http://www.w3.org/2000/09/xmldsig#}Signature")
    moved = message(info("Vals.")).replace(b"</alert>", etree.tostring(signature) + b"</alert>")
    assert ("invalid", AT) == refused(verifier(keys, "ours"), moved)


def test_a_signature_of_a_part_is_none_of_the_whole(keys) -> None:
    """A signature whose reference names one element leaves the rest to anybody."""
    body = message(info("Echt.")).replace(b"<info>", b'<info Id="a">')
    key, certificate = keys["ours"]
    signer = XMLSigner(SignatureConstructionMethod.detached, signature_algorithm="ecdsa-sha256")
    tree = etree.fromstring(body)
    signature = signer.sign(tree, key=key, cert=certificate, reference_uri="#a", id_attribute="Id")
    tree.append(signature)
    assert ("invalid", AT) == refused(verifier(keys, "ours"), etree.tostring(tree))


def test_bombs_do_not_reach_the_verifier(keys) -> None:
    bomb = b'<!DOCTYPE a [<!ENTITY a "ha">]><a>&a;</a>'
    with pytest.raises(InputError) as caught:
        verifier(keys, "ours").signed(bomb)
    assert "malformed" == caught.value.problem.name


@in_virtual_time
async def test_the_edge_takes_signed_messages_alone_where_signers_are_pinned(keys) -> None:
    """Over HTTP: 202 for what is signed, 422 for what is not, and nothing is asked for it."""
    async with edge_world() as world:
        world.desk.verifier = verifier(keys, "ours")
        media = {"content-type": "application/cap+xml"}
        answer = await world.call("POST", "/v1/alerts", media, message())
        assert (422, AT) == (answer.status, answer.json["at"])
        assert [] == world.dispatch.asks
        answer = await world.call("POST", "/v1/alerts", media, sign(message(), keys["ours"]))
        assert 202 == answer.status
        assert [Submit] == [type(ask.question) for ask in world.dispatch.asks]
