"""The signature of a CAP message (XML-DSig, enveloped), verified against pinned certificates.

Law: what is read afterwards is what was signed, octet for octet as the verifier saw it, and nothing else of the
document. A certificate that the message brings along is never believed. The document has been read by our own reader
before: no document type, no depth, no number of elements reaches the verifier.
Source: CAP 1.2, 3.3.4.1; W3C XML Signature 1.1.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from klaroen.core.cap_xml import read_xml
from klaroen.core.errors import InputError

METHODS: Final = frozenset(f"{key}_SHA{bits}" for key in ("RSA", "ECDSA") for bits in (256, 384, 512))
"""Public keys only, and no digest shorter than 256 bits."""
AT: Final = "/alert/Signature"


class Verifier:
    """Knows whose signatures count."""

    def __init__(self, certificates: Sequence[str]) -> None:
        """Read the certificates. Raises OSError."""
        self._certificates = [Path(path).read_text("ascii") for path in certificates]

    def signed(self, body: bytes) -> bytes:
        """Return the document as it was signed, its signature removed. Takes some milliseconds.

        Raises InputError: `malformed`, or `invalid` where no pinned certificate has signed all of it.
        """
        from lxml.etree import LxmlError
        from signxml.algorithms import SignatureMethod
        from signxml.exceptions import SignXMLException
        from signxml.verifier import SignatureConfiguration, XMLVerifier

        root = read_xml(body)
        expected = SignatureConfiguration(
            location="./",  # of the root: one that stands deeper may speak of something else
            expect_references=1,
            signature_methods=frozenset(method for method in SignatureMethod if method.name in METHODS),
        )
        for certificate in self._certificates:
            try:
                found = XMLVerifier().verify(body, x509_cert=certificate, expect_config=expected)
            except (SignXMLException, LxmlError, ValueError, TypeError, KeyError):
                continue
            signed = found[0] if isinstance(found, list) else found
            if _is_whole(signed.signed_data, root.name):
                return signed.signed_data
        raise InputError("invalid", "It has no signature over all of it by an authority that is pinned here.", at=AT)


def _is_whole(signed: bytes, name: str) -> bool:
    """Whether what was signed is the document itself, not some part of it that a wrapper moved elsewhere."""
    try:
        return read_xml(signed).name == name
    except InputError:
        return False
