"""The page behind the link in a cold mail (RFC 8058): one click, or one POST by the reader's mail program.

Law: a GET changes nothing, since programs open links to look. The page names nobody, loads nothing, runs nothing.
"""

from html import escape
from typing import Final

from klaroen.core.replies import SayFarewell
from klaroen.edge.desk import Desk
from klaroen.edge.exchange import Call, Headers, Reply

FORM_BYTES_MAX: Final = 4_096
"""`List-Unsubscribe=One-Click`, and whatever else a mail program adds."""
HTML: Final = b"text/html; charset=utf-8"
HEADERS: Final[Headers] = (
    (b"content-security-policy", b"default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
)
ASKED: Final = (
    ("nl", "Geen gewone berichten per e-mail meer. Dringende berichten blijven komen."),
    ("fr", "Plus de messages ordinaires par e-mail. Les messages urgents continuent."),
    ("de", "Keine gewöhnlichen Nachrichten mehr per E-Mail. Dringende kommen weiterhin."),
    ("en", "No more ordinary messages by e-mail. Urgent messages go on."),
)
DONE: Final = (("nl", "Het is gebeurd."), ("fr", "C’est fait."), ("de", "Erledigt."), ("en", "It is done."))


async def show_farewell(desk: Desk, call: Call) -> Reply:  # noqa: ARG001 - it is the same for everybody
    form = '<form method="post"><button name="List-Unsubscribe" value="One-Click">Stop</button></form>'
    return Reply(200, _page(ASKED, form), HTML, HEADERS)


async def say_farewell(desk: Desk, call: Call) -> Reply:
    """Take the click: 200 once it is durable. Raises InputError."""
    await call.body(FORM_BYTES_MAX)
    await desk.ask(None, SayFarewell(call.parameters["farewell"]), type(None))
    return Reply(200, _page(DONE, ""), HTML, HEADERS)


def _page(lines: tuple[tuple[str, str], ...], form: str) -> bytes:
    said = "".join(f'<p lang="{language}">{escape(words)}</p>' for language, words in lines)
    return f'<!doctype html><html lang="nl"><meta charset="utf-8"><title>Klaroen</title>{said}{form}</html>'.encode()
