"""What a mail server reports later: a delivery status notification (RFC 3464), as receipts.

Law: a report is believed about the attempt that it names, by envelope id, by the address that it came to, or by the
message that it returns; of one that names none nothing is made. Its words, which quote addresses, are not read.
"""

import re
from collections.abc import Iterator
from email import policy
from email.errors import MessageError
from email.message import Message
from email.parser import BytesParser
from typing import Final, Literal

from klaroen.core.errors import InputError
from klaroen.core.model import AttemptId
from klaroen.core.ports import Receipt

REPORT_BYTES_MAX: Final = 256 * 1024
"""Most return the header alone; one that returns our whole message has some kilobytes."""
PARTS_MAX: Final = 20

State = Literal["failed", "network", "reached"]
_ATTEMPT: Final = re.compile(r"[a-z0-9]{26}")
_NAMED: Final = re.compile(r"\+([a-z0-9]{26})@")
_MESSAGE_ID: Final = re.compile(r"<([a-z0-9]{26})@")
_STATUS: Final = re.compile(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}")


def read_report(body: bytes, *, mailbox: bool) -> list[Receipt]:
    """Return what the report proves; nothing where it says nothing final, or names no message of ours.

    `mailbox`: the word that a mail was delivered is proof of arrival, not just of the network's (R15).
    Raises InputError `invalid` where it is no report.
    """
    if len(body) > REPORT_BYTES_MAX:
        raise InputError("invalid", f"A report has at most {REPORT_BYTES_MAX} bytes.")
    try:
        report = BytesParser(policy=policy.compat32).parsebytes(body)
        parts = _parts(report)
        status = next((part for part in parts if part.get_content_type() == "message/delivery-status"), None)
        payload = status.get_payload() if status is not None else None
    except (MessageError, ValueError, LookupError, RecursionError):
        payload = None
    blocks = [one for one in payload if isinstance(one, Message)] if isinstance(payload, list) else []
    if len(blocks) < 2:
        raise InputError("invalid", "It holds no delivery status notification (RFC 3464).")
    attempt = _attempt(report, blocks[0], parts)
    if attempt is None:
        return []
    receipts = []
    for block in blocks[1:PARTS_MAX]:
        state = _state(str(block.get("action", "")).strip().lower(), mailbox=mailbox)
        if state is not None:
            found = _STATUS.match(str(block.get("status", "")).strip())
            receipts.append(Receipt(state, found[0] if found else "", ref=attempt))
    return receipts


def _parts(report: "Message") -> list["Message"]:
    return [part for part, _ in zip(report.walk(), range(PARTS_MAX), strict=False)]


def _state(action: str, *, mailbox: bool) -> State | None:
    """RFC 3464, 2.3.3. Delayed is not final; relayed and expanded leave the land of reports."""
    if action == "failed":
        return "failed"
    if action == "delivered":
        return "reached" if mailbox else "network"
    return "network" if action in ("relayed", "expanded") else None


def _attempt(report: "Message", about: "Message", parts: list["Message"]) -> AttemptId | None:
    """Return the attempt that the report names."""
    for candidate in _named(report, about, parts):
        if candidate is not None and _ATTEMPT.fullmatch(candidate):
            return AttemptId(candidate)
    return None


def _named(report: "Message", about: "Message", parts: list["Message"]) -> Iterator[str | None]:
    yield str(about.get("original-envelope-id", "")).strip()
    for header in ("x-original-to", "delivered-to", "to"):
        found = _NAMED.search(str(report.get(header, "")))
        yield found[1] if found else None
    for part in parts[1:]:
        if part.get_content_type() == "text/rfc822-headers":
            text = part.get_payload()
            found = re.search(r"(?im)^message-id:\s*<([a-z0-9]{26})@", text) if isinstance(text, str) else None
            yield found[1] if found else None
        found = _MESSAGE_ID.search(str(part.get("message-id", "")))
        yield found[1] if found else None
