"""The audit trail (R22): who did what, when, on whose authority, to which networks and with which outcome.

Law: an entry holds ids, counts and hashes, never a number, an address or an alert's text; each is chained to all before
it, so that none can be changed, left out or put between afterwards without every later hash telling. What the chain
cannot tell is that its end was cut off: for that a head, "NUMBER:HASH", is noted elsewhere and given to `verify`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Final, Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from klaroen.core.mandates import Grant, Halt
from klaroen.core.model import (
    Alert,
    AlertClass,
    AlertId,
    AlertState,
    Authority,
    CarrierName,
    Instant,
    Mode,
    NetworkId,
    Role,
    Token,
)
from klaroen.core.ports import Sealer
from klaroen.core.replies import Quiet

What = Literal[
    "accepted",
    "changed",
    "closed",
    "register",
    "member_put",
    "member_removed",
    "exported",
    "erased",
    "key",
    "token",
    "token_revoked",
    "restored",
    "granted",
    "grant_withdrawn",
    "stopped",
    "resumed",
    "looked",
    "carrier_avoided",
    "carrier_restored",
    "pin",
    "pin_revoked",
    "pin_unlocked",
    "quiet",
    "quiet_ended",
    "checkpoint",
    "shortened",
]
COMMAND_LINE: Final = "command line"
"""Who acts there is whoever owns the data directory on that machine."""
ORIGIN: Final = bytes(32)
"""What stands before the first entry."""


class Deed(Struct, frozen=True, omit_defaults=True, rename={"alert_class": "class"}):
    """One thing done. `by` is the name of a token; `author` is the person, as the calling system named him."""

    what: What
    at: Instant
    by: str
    role: Role | None = None
    author: str | None = None
    alert: AlertId | None = None
    alert_class: AlertClass | None = None
    mode: Mode | None = None
    state: AlertState | None = None
    reference: str | None = None
    networks: tuple[NetworkId, ...] = ()
    refused: tuple[NetworkId, ...] = ()
    supersedes: tuple[AlertId, ...] = ()
    follows: AlertId | None = None
    extends: AlertId | None = None
    members: int | None = None
    texts: Mapping[str, str] = {}
    """Language -> SHA-256 of the text."""
    recordings: Mapping[str, str] = {}
    """Language -> id of the recording."""
    outcome: Mapping[str, int] = {}
    register_version: int | None = None
    documents: tuple[str, ...] = ()
    """SHA-256 of zones, networks and members; of a backup, that of its manifest."""
    token: str | None = None
    scope: tuple[str, ...] = ()
    coordinator: str | None = None
    classes: tuple[AlertClass, ...] = ()
    until: Instant | None = None
    reason: str | None = None
    agreed_with: str | None = None
    authority: Authority | None = None
    carrier: CarrierName | None = None
    officer: str | None = None
    member: str | None = None
    """The id of the one who was looked at; of several there is the count alone."""
    head: str | None = None
    """Of a checkpoint: "NUMBER:HASH" of the entry before it, signed by `key`; of `shortened`, of the last one gone."""
    key: str | None = None
    signature: str | None = None
    verb: str | None = None


class Link(Struct, frozen=True):
    """An entry in its place, as it was written."""

    number: int
    """From 1, without a gap."""
    entry: bytes
    digest: bytes


_encode = msgspec.json.Encoder(order="deterministic").encode
_decode = msgspec.json.Decoder(Deed).decode


def encode(deed: Deed) -> bytes:
    """Return the octets that are chained, and exported as they stand."""
    return _encode(deed)


def decode(entry: bytes) -> Deed | None:
    """Return what was entered, or None where it can never have been."""
    try:
        return _decode(entry)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def digest_of(before: bytes, number: int, entry: bytes) -> bytes:
    """Return the hash of an entry: of the hash before it, its number and its octets."""
    return sha256(before + number.to_bytes(8, "big") + entry).digest()


def first_fault(links: Iterable[Link], after: int = 0, before: bytes = ORIGIN) -> tuple[int, bytes, str | None]:
    """Follow the chain; return the last number and hash that hold, and what is wrong behind them, if anything is."""
    number, digest = after, before
    for link in links:
        if number == 0 and not link.entry:  # shortened: of the last entry that went the hash is left
            number, digest = link.number, link.digest
            continue
        if link.number != number + 1:
            return number, digest, f"entry {number + 1} is missing"
        if link.digest != digest_of(digest, link.number, link.entry):
            return number, digest, f"entry {link.number} is not what was written"
        number, digest = link.number, link.digest
    return number, digest, None


# --- what is entered --------------------------------------------------------------------------------------------------


def accepted(alert: Alert) -> Deed:
    return Deed(
        "accepted",
        alert.accepted_at,
        alert.token,
        role=alert.role,
        author=alert.author,
        alert=alert.id,
        alert_class=alert.alert_class,
        mode=alert.mode,
        reference=alert.reference,
        networks=alert.networks,
        refused=tuple(one.network for one in alert.refused),
        supersedes=alert.supersedes,
        follows=alert.follows,
        extends=alert.extends,
        members=alert.members,
        texts=text_hashes(alert),
        recordings={language: recorded.id for language, recorded in alert.recording.items()},
        register_version=alert.register_version,
        authority=alert.authority if alert.authority != "own" else None,
    )


def text_hashes(alert: Alert) -> dict[str, str]:
    """Return the SHA-256 of each text: what `verify` holds against the alert itself."""
    hashes: dict[str, str] = {}
    hashes.update((language, digest) for language, digest in alert.texts_sha256.items())
    hashes.update({language: sha256(text.text.encode()).hexdigest() for language, text in alert.content.items()})
    return hashes


def changed(alert: AlertId, state: AlertState, token: Token, at: Instant, verb: str | None = None) -> Deed:
    """`verb` is what was done, where the state alone does not tell: a message consented to goes on as any other."""
    return Deed("changed", at, token.name, role=token.role, alert=alert, state=state, verb=verb)


def released(alert: Alert, token: Token, at: Instant, verb: str) -> Deed:
    """Return that a second person let it go, in the place of those that it supersedes."""
    return replace(changed(alert.id, "accepted", token, at, verb), supersedes=alert.supersedes)


def closed(alert: Alert, state: AlertState, outcome: Mapping[str, int], at: Instant) -> Deed:
    told = {name: count for name, count in outcome.items() if count}
    return Deed("closed", at, alert.token, alert=alert.id, state=state, outcome=told)


def granted(grant: Grant, token: Token) -> Deed:
    return Deed(
        "granted",
        grant.given_at,
        token.name,
        role=token.role,
        networks=(grant.network,),
        coordinator=grant.coordinator,
        classes=grant.classes,
        until=grant.ends_at,
    )


def grant_withdrawn(network: NetworkId, coordinator: str, token: Token, at: Instant) -> Deed:
    return Deed("grant_withdrawn", at, token.name, role=token.role, networks=(network,), coordinator=coordinator)


def halted(what: Literal["stopped", "resumed"], halt: Halt, token: Token) -> Deed:
    return Deed(
        what,
        halt.halted_at,
        token.name,
        role=token.role,
        networks=(halt.network,),
        reason=halt.reason,
        agreed_with=halt.with_,
    )


def imported(version: int, documents: Sequence[bytes], at: Instant) -> Deed:
    hashes = tuple(sha256(document).hexdigest() for document in documents)
    return Deed("register", at, COMMAND_LINE, register_version=version, documents=hashes)


def enrolled(
    what: Literal["member_put", "member_removed"],
    token: Token,
    network: NetworkId,
    member: str,
    version: int,
    at: Instant,
) -> Deed:
    """Return that a list keeper changed a membership; the version holds what it was and is."""
    return Deed(what, at, token.name, role=token.role, networks=(network,), member=member, register_version=version)


def of_person(what: Literal["exported", "erased"], member: str, at: Instant, version: int | None = None) -> Deed:
    return Deed(what, at, COMMAND_LINE, member=member, register_version=version)


def forgotten(persons: int, version: int, at: Instant) -> Deed:
    """Return that a period has run out: so many persons who had left were forgotten, and what was superseded."""
    return Deed("erased", at, "retention", members=persons, register_version=version)


def key_changed(key: int, at: Instant) -> Deed:
    """Return that the register is sealed with another key from now on; `reference` is the key's number."""
    return Deed("key", at, COMMAND_LINE, reference=str(key))


def token_made(token: Token) -> Deed:
    scope = (*token.zones, *token.networks, *token.municipalities, *token.provinces, *filter(None, (token.carrier,)))
    return Deed("token", token.created_at, COMMAND_LINE, role=token.role, token=token.name, scope=scope)


def token_revoked(name: str, at: Instant) -> Deed:
    return Deed("token_revoked", at, COMMAND_LINE, token=name)


def restored(manifest: bytes, at: Instant) -> Deed:
    return Deed("restored", at, COMMAND_LINE, documents=(sha256(manifest).hexdigest(),))


def looked(
    token: Token, at: Instant, count: int, *, alert: AlertId | None = None, network: NetworkId | None = None,
    member: str | None = None,
) -> Deed:  # fmt: skip
    """Return that members were shown to somebody (R7): so many, of this alert or network."""
    networks = () if network is None else (network,)
    return Deed("looked", at, token.name, role=token.role, alert=alert, networks=networks, members=count, member=member)


def quieted(quiet: Quiet) -> Deed:
    return Deed("quiet", quiet.at, f"member, by {quiet.by}", member=quiet.member)


def quiet_ended(quiet: Quiet, token: Token, at: Instant) -> Deed:
    return Deed("quiet_ended", at, token.name, role=token.role, member=quiet.member)


def switched(token: Token, carrier: CarrierName, at: Instant, *, avoided: bool) -> Deed:
    what: What = "carrier_avoided" if avoided else "carrier_restored"
    return Deed(what, at, token.name, role=token.role, carrier=carrier)


def pin_changed(what: Literal["pin", "pin_revoked", "pin_unlocked"], officer: str, at: Instant) -> Deed:
    return Deed(what, at, COMMAND_LINE, officer=officer)


# --- checkpoints ------------------------------------------------------------------------------------------------------

Holds = Callable[[bytes, bytes], bool]
"""(signature, octets) -> whether the key has signed them."""


def shortened(head: str, until: Instant, at: Instant) -> Deed:
    """Return that everything up to that entry had had its time, being older than `until`."""
    return Deed("shortened", at, "retention", head=head, until=until)


def head_of(number: int, digest: bytes) -> str:
    return f"{number}:{digest.hex()}"


def checkpoint_words(head: str, at: Instant) -> bytes:
    """Return the octets that a checkpoint signs."""
    return f"klaroen audit checkpoint\n{head}\n{at}\n".encode("ascii")


def checkpoint(sealer: Sealer, at: Instant, last: Link) -> Deed | None:
    """Return the entry that signs the trail up to `last`; None where that is a checkpoint itself."""
    deed = decode(last.entry)
    if deed is not None and deed.what == "checkpoint":
        return None
    head = head_of(last.number, last.digest)
    signature = sealer.sign(checkpoint_words(head, at)).hex()
    return Deed("checkpoint", at, sealer.name, head=head, key=sealer.name, signature=signature)


def unsealed(deed: Deed, before: str, keys: Mapping[str, Holds]) -> str | None:
    """Return what is wrong with a checkpoint behind the head `before`, None where a key of these has signed it."""
    if deed.head != before:
        return "it names another head than the one before it"
    holds = keys.get(deed.key or "")
    if holds is None:
        return f"it is signed by another key ({deed.key})"
    try:
        signature = bytes.fromhex(deed.signature or "")
    except ValueError:
        signature = b""
    return None if holds(signature, checkpoint_words(before, deed.at)) else "its signature is not the key's"
