"""CAP 1.2 over HTTP: the message is read here, and asked of dispatch as what it means.

Law: its key is (sender, identifier, sent), so that a message posted twice is accepted once, with or without the header.
"""

import asyncio
from typing import Final, assert_never

from msgspec.structs import replace

from klaroen.core import cap
from klaroen.core.calls import Submit, Withdraw
from klaroen.core.phrases import word
from klaroen.core.views import AcceptedView, HeardView
from klaroen.edge.desk import Desk, as_json
from klaroen.edge.exchange import Call, Reply

MEDIA: Final = "application/cap+xml"
LARGE_BYTES: Final = 128 * 1024
"""A larger one is read in a thread: 5 MiB take a tenth of a second, in which others are served."""


async def post_cap(desk: Desk, call: Call, fingerprint: bytes, body: bytes) -> Reply:
    """Accept a message: 202 once what it asks for is durable. Raises InputError."""
    if desk.verifier is not None:
        body = await asyncio.to_thread(desk.verifier.signed, body)
    role, now = call.token.role, desk.now()
    if len(body) > LARGE_BYTES:
        message = await asyncio.to_thread(cap.read_cap, body, role, desk.profile, now)
    else:
        message = cap.read_cap(body, role, desk.profile, now)
    match message:
        case cap.Posted():
            submit = Submit(
                message.request,
                message.key,
                fingerprint,
                message.expires_at,
                message.places,
                message.references,
                message.notes,
                call.language,
            )
            accepted = await desk.ask(call.token.name, submit, AcceptedView)
            return Reply(202, as_json(accepted), headers=((b"location", f"/v1/alerts/{accepted.id}".encode()),))
        case cap.Withdrawn():
            heard = await desk.ask(call.token.name, Withdraw(message.references, message.mode), HeardView)
            for one in heard.alerts:
                desk.mirror.forget(one.id)  # whoever looks now must not be shown how it stood before
            return Reply(202, as_json(replace(heard, reason=word("cap_cancelled", call.language))))
        case cap.Unheeded():
            return Reply(202, as_json(HeardView("ignored", word("cap_ignored", call.language, kind=message.kind))))
        case _:
            assert_never(message)
