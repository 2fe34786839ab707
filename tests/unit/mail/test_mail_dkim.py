"""What a domain has signed, as another reader of RFC 6376 (dkimpy) verifies it."""

from base64 import b64encode
from typing import Final

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given, settings
from tests.unit.mail.test_mail_message import FULL, NOW, PLAIN, TEXTS, envelope, read, text_of

from klaroen_adapters.mail.mail_dkim import Signer, read_signer
from klaroen_adapters.mail.mail_message import Letterhead, Letters

KEY: Final = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PUBLIC: Final = b64encode(KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
SIGNER: Final = Signer("politie.example", "bin2026", KEY)


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def lookup(name: bytes, **_: object) -> bytes:
    assert b"bin2026._domainkey.politie.example." == name
    return b"v=DKIM1; k=rsa; p=" + PUBLIC


def signed(text: str = "Dag", head: Letterhead = PLAIN, **changes: object) -> bytes:
    mail = Letters(head, SIGNER).make(envelope(text, **changes), NOW)
    assert mail is not None
    return mail.octets


def verified(octets: bytes) -> bool:
    return bool(dkim.verify(octets, dnsfunc=lookup))


@settings(max_examples=25)
@given(TEXTS, TEXTS)
def test_another_reader_verifies_every_text(text: str, subject: str) -> None:
    """With whatever is in body and subject; and the body still decodes to exactly the text."""
    octets = signed(text, FULL, subject=subject)
    assert verified(octets)
    assert text == text_of(read(Letters(FULL, SIGNER).make(envelope(text), NOW)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"To: <an@", b"To: <bo@"),
        (b"auto-generated", b"no"),
        (b"RGFn", b"RGFo"),
        (b"one-click", b"other"),
        (b"id=", b"no="),
        (b"MIME-Version", b"From: <other@politie.example>\r\nMIME-Version"),
        (b"MIME-Version", b"Subject: Another\r\nMIME-Version"),
    ],
)
def test_what_somebody_changes_on_the_way_is_noticed(old: bytes, new: bytes) -> None:
    """Recipient, headers, body, the one click (RFC 8058), and a second sender before ours."""
    octets = signed(head=FULL)
    assert not verified(b"Subject: Another\r\n" + octets)
    at = octets.lower().rindex(old.lower()) if old != b"MIME-Version" else octets.rindex(old)
    changed = octets[:at] + new + octets[at + len(old) :]
    assert verified(octets)
    assert not verified(changed)


def test_a_relay_may_fold_and_add() -> None:
    """White space and lines before ours are the relay's to change."""
    octets = signed(head=FULL).replace(b"To: <an", b"TO:\t  <an")
    assert verified(b"Received: from here\r\n by there\r\n" + octets)


def test_the_key_is_read_once_or_refused() -> None:
    found = read_signer("politie.example", "bin2026", pem(KEY))
    assert ("politie.example", "bin2026", 2048) == (found.domain, found.selector, found.key.key_size)
    for wrong in (b"", b"secret", pem(ec.generate_private_key(ec.SECP256R1()))):
        with pytest.raises(ValueError, match="DKIM key"):
            read_signer("politie.example", "bin2026", wrong)
