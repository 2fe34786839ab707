"""How the edge speaks TLS: which versions and ciphers, who may show a certificate, and how a new one of ours is taken.

Law: TLS 1.2 with forward secrecy and authenticated encryption at least. A renewed certificate holds for connections to
come; one that does not fit its key is not taken, and the one in use goes on.
Source: NCSC-NL, IT Security Guidelines for Transport Layer Security, 2.1: "good" only.
"""

import os
import ssl
from pathlib import Path
from typing import Final

import structlog

from klaroen.settings import Edge

CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Of TLS 1.2; those of TLS 1.3 are all of this kind."""
LOOK_S: Final = 10.0
"""How often somebody looks whether there is a new certificate: whoever renews it does so weeks ahead."""

Stamp = tuple[tuple[int, int, int], ...]
"""What tells one state of the two files from another: inode, size and time of each."""

log = structlog.get_logger(__name__)


class Tls:
    """The server's side, for as long as the process lives."""

    def __init__(self, certificate: str, key: str, client_ca: str | None) -> None:
        """Raises OSError (ssl.SSLError among them) where the files do not make a certificate."""
        self._certificate, self._key = certificate, key
        self._stamp = self._look()
        self.context = make_context(client_ca)
        self.context.load_cert_chain(certificate, key)
        self.expires_at = certificate_expires_at(certificate)
        """Unix seconds."""

    @classmethod
    def of(cls, edge: Edge) -> "Tls | None":
        """Return it where the configuration names a certificate."""
        if edge.tls_certificate is None or edge.tls_key_file is None:
            return None
        return cls(edge.tls_certificate, edge.tls_key_file, edge.client_ca)

    def renew(self) -> bool:
        """Take the certificate anew if its files have changed; return whether that was so."""
        try:
            stamp = self._look()
            if stamp == self._stamp:
                return False
            self._stamp = stamp
            make_context(None).load_cert_chain(self._certificate, self._key)  # a pair that does not fit spoils nothing
            self.context.load_cert_chain(self._certificate, self._key)
            self.expires_at = certificate_expires_at(self._certificate)
        except OSError as error:
            log.warning("the new certificate cannot be used; the old one goes on", error=type(error).__name__)
            return False
        log.info("a new certificate is in use", expires_at=self.expires_at)
        return True

    def _look(self) -> Stamp:
        found = (os.stat(self._certificate), os.stat(self._key))
        return tuple((one.st_ino, one.st_size, one.st_mtime_ns) for one in found)


def make_context(client_ca: str | None) -> ssl.SSLContext:
    """Return a server's context without a certificate yet. Its keys are never logged, whatever the environment says."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.set_alpn_protocols(["http/1.1"])
    if client_ca is not None:
        context.load_verify_locations(client_ca)
        context.verify_mode = ssl.CERT_OPTIONAL
    return context


def certificate_expires_at(path: str) -> float:
    """Return the Unix time at which the first certificate in a file expires."""
    # undocumented since Python 2.6, and still the one way of the standard library to read a certificate from a file
    certificate = ssl._ssl._test_decode_cert(str(Path(path)))  # type: ignore[attr-defined]
    return float(ssl.cert_time_to_seconds(certificate["notAfter"]))
