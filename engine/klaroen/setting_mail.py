"""The section of a carrier of mails.

Law: as in `settings`, of which it is a part.
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from klaroen.core.model import Channel, Language
from klaroen.core.words import ONE_LINE, SUBJECT_MAX
from klaroen.setting_kinds import Host, OpenFile, Port, Rate, SecretFile, TextCarrier

MailAddress = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9.-]{1,190}\Z",
        description="a mail address, user@host",
    ),
]


class Smtp(TextCarrier, frozen=True, kw_only=True, tag_field="kind", tag="smtp"):
    """Mails through a relay that queues them: one of ours, or a provider's submission service."""

    host: Host
    port: Port = 587
    """RFC 6409; 465 with tls = "implicit" (RFC 8314)."""
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    """Never "where offered": an attacker between would then only have to say that it is not."""
    tls_ca: OpenFile | None = None
    user: Annotated[str, Meta(pattern=r"^[^\x00-\x1f\x7f]{1,200}\Z", description="1 to 200 characters")] | None = None
    password_file: SecretFile | None = None
    hostname: Host | None = None
    """Who we say we are (EHLO); by default the sender's host: no name is looked up, and relays want a full one."""
    sender: MailAddress
    sender_name: Annotated[str, Meta(max_length=100, pattern=ONE_LINE)] = ""
    subjects: Mapping[Language, Annotated[str, Meta(min_length=1, max_length=SUBJECT_MAX, pattern=ONE_LINE)]] = {}
    """Of messages without one, by language. A crisis message never gets one of ours (R10)."""
    dkim_selector: (
        Annotated[str, Meta(pattern=r"^[A-Za-z0-9]([A-Za-z0-9.-]{0,61}[A-Za-z0-9])?\Z", description="a DKIM selector")]
        | None
    ) = None
    dkim_key_file: SecretFile | None = None
    """RSA, in PEM; by default the relay signs."""
    connections: Annotated[int, Meta(ge=1, le=64)] = 4
    mails_per_connection: Annotated[int, Meta(ge=1, le=100_000)] = 100
    rate_per_s: Rate = 50.0
    bounces: MailAddress | None = None
    """`user@host` where reports go, as `user+ATTEMPT@host`; without it they go to the sender, and are not read."""
    reports: Literal["failures", "all"] = "failures"
    delivered_means: Literal["network", "mailbox"] = "network"
    """Whether the word that a mail was delivered is proof of arrival (R15)."""
    receipt_secret_file: SecretFile | None = None
    unsubscribe_url: (
        Annotated[str, Meta(pattern=r"^https://[!-;=?-~]{1,300}\Z", description="an https address")] | None
    ) = None
    """By default our own page, where `edge.public_url` is https."""
    carries: ClassVar[tuple[Channel, ...]] = ("email",)
