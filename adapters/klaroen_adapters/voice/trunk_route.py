"""Where a trunk is, and where it finds us: addresses, and what a user agent goes by.

Law: names are looked up here and nowhere else. We hear at the interface that leads to the trunk; what we say of it may
differ (`local_address`), where a router stands between.
"""

import secrets
import socket
from pathlib import Path
from typing import NamedTuple

import trio

from klaroen.settings import Sip
from klaroen_adapters.voice.sip_headers import in_uri
from klaroen_adapters.voice.sip_terms import Address, Terms

SIP_PORT = 5060


class NoRouteError(Exception):
    """The trunk cannot be found, in words."""


class Route(NamedTuple):
    """Of one trunk."""

    trunk: Address
    here: str
    """The address of our own that leads there."""
    said: str
    """What we say of it."""


async def find_route(settings: Sip) -> Route:
    """Look a trunk up. Raises NoRouteError."""
    try:
        found = await trio.socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_DGRAM)
        said = None if settings.local_address is None else await trio.socket.getaddrinfo(settings.local_address, 0)
    except socket.gaierror as error:
        raise NoRouteError(error.strerror or "no such name") from None
    family, _, _, _, address = found[0]
    trunk: Address = (str(address[0]), settings.port)
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(trunk)
        except OSError as error:
            raise NoRouteError(error.strerror or "no way there") from None
        here = str(probe.getsockname()[0])
    return Route(trunk, here, here if said is None else str(said[0][4][0]))


def make_terms(settings: Sip, route: Route, port: int) -> Terms:
    """Return what the agent goes by, its password read; `port` is where we hear.

    Raises OSError for a secret's file that cannot be read.
    """
    host = in_uri(settings.domain or settings.host)
    password = ""
    if settings.password_file is not None:
        password = Path(settings.password_file).read_text("utf-8").removesuffix("\n").removesuffix("\r")
    return Terms(
        domain=host if settings.domain is not None or settings.port == SIP_PORT else f"{host}:{settings.port}",
        trunk=route.trunk,
        local=(route.said, port),
        transport=settings.transport,
        user=settings.user,
        password=password,
    )


def draw() -> str:
    """Return what nobody guesses: tags, branches and cnonces."""
    return secrets.token_hex(8)
