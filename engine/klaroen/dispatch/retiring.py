"""Whoever is relieved as coordinator loses the token with it (R23); grant and list go by what the register says.

Law: the token is void before the register says so: a crash in between costs a token, and never leaves one.
"""

from collections.abc import Iterable, Iterator, Mapping

from klaroen.core import audit
from klaroen.core.model import Instant, Network, NetworkId, Token
from klaroen.core.records import Store
from klaroen.dispatch.desk import Desk
from klaroen.dispatch.officers import Writes
from klaroen.register.difference import Relieved
from klaroen.register.merge import in_office


def lost_tokens(
    tokens: Iterable[Token], relieved: Iterable[Relieved], networks: Mapping[NetworkId, Network]
) -> Iterator[str]:
    """Yield the names of tokens of those who were relieved and are in office in none of the token's networks."""
    lost = {(one.network, one.coordinator) for one in relieved}
    for token in tokens:
        own = [NetworkId(name) for name in token.networks]
        if token.role != "coordinator" or not any((name, token.coordinator_id) in lost for name in own):
            continue
        if not any(name in networks and token.coordinator_id in in_office(networks[name]) for name in own):
            yield token.name


async def retire(
    store: Store,
    write: Writes,
    relieved: Iterable[Relieved],
    networks: Mapping[NetworkId, Network],
    now: Instant,
    desk: Desk | None,
) -> None:
    """Revoke what they lost."""
    names = list(lost_tokens(store.tokens(), relieved, networks))
    for name in names:
        await write(store.revoke_token, name, audit.token_revoked(name, now))
    if names:
        reload_tokens(store, desk)


def reload_tokens(store: Store, desk: Desk | None) -> None:
    """Have a running dispatch, and its edge, know the tokens that are valid now."""
    if desk is not None:
        desk.tokens = {token.name: token for token in store.tokens()}
        desk.tokens_changed = True
        desk.push_bell.ring()
