"""The signature of a mail by its sender's domain (DKIM): one header line before all others.

Law: pure but for the key. It covers the whole body and every header that is read, each once more than it is there, so
that nobody can put another one beside it. What is signed is what leaves: base64 lines, which no relay needs to touch.
Source: RFC 6376 (relaxed/relaxed), 8301 (rsa-sha256, 1,024 bits and more); RFC 8058, 4 on List-Unsubscribe.
"""

import re
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from msgspec import Struct

from klaroen.core.model import Instant

KEY_BITS_MIN: Final = 1024
"""RFC 8301, 3.2; 2,048 is what receivers ask for."""
HEADERS: Final = (
    "from", "to", "subject", "date", "message-id", "content-language", "auto-submitted", "mime-version", "content-type",
    "content-transfer-encoding", "list-unsubscribe", "list-unsubscribe-post",
)  # fmt: skip
_LINE_END: Final = re.compile(rb"\r\n(?![ \t])")


class Signer(Struct, frozen=True):
    """`domain` is the sender's; `selector` names the key there: SELECTOR._domainkey.DOMAIN."""

    domain: str
    selector: str
    key: RSAPrivateKey

    def sign(self, octets: bytes, now: Instant) -> bytes:
        """Return the mail with its signature before it.

        Shape: header lines and body with CR LF, a body that ends with one line end and has no blank before any.
        """
        head, _, body = octets.partition(b"\r\n\r\n")
        lines = list(_lines(head))
        present = [name for name in HEADERS if any(name == one for one, _ in lines)]
        covered = [line for name in present for one, line in lines if one == name]
        fields = (
            "v=1; a=rsa-sha256; c=relaxed/relaxed",
            f"d={self.domain}; s={self.selector}; t={now // 1000}",
            f"h={':'.join([*present, *HEADERS])}",
            f"bh={b64encode(sha256(body).digest()).decode()}",
            "b=",
        )
        own = ";\r\n ".join(fields)
        covered.append(_relaxed("dkim-signature", own.encode()))
        signature = b64encode(self.key.sign(b"\r\n".join(covered), PKCS1v15(), SHA256())).decode()
        folded = "\r\n ".join(signature[at : at + 72] for at in range(0, len(signature), 72))
        return f"DKIM-Signature: {own}\r\n {folded}\r\n".encode() + octets


def read_signer(domain: str, selector: str, pem: bytes) -> Signer:
    """Raises ValueError: it is no RSA key in PEM without a passphrase, or one that receivers do not believe."""
    try:
        key = load_pem_private_key(pem, None)
    except (TypeError, ValueError, UnsupportedAlgorithm):
        raise ValueError("the DKIM key is no private key in PEM without a passphrase") from None
    if not isinstance(key, RSAPrivateKey) or key.key_size < KEY_BITS_MIN:
        raise ValueError(f"the DKIM key is no RSA key of {KEY_BITS_MIN} bits or more")
    return Signer(domain, selector, key)


def _lines(head: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield each header's name and its relaxed form, without line end (RFC 6376, 3.4.2)."""
    for line in _LINE_END.split(head):
        name, _, value = line.partition(b":")
        small = name.decode("ascii").strip().lower()
        yield small, _relaxed(small, value)


def _relaxed(name: str, value: bytes) -> bytes:
    return name.encode() + b":" + re.sub(rb"[ \t]+", b" ", value.replace(b"\r\n", b"")).strip(b" ")
