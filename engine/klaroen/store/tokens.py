"""The rows of tokens, written within the writer's transaction with the deed that makes or revokes them.

Law: a token's secret is not here, only its hash.
"""

from klaroen.core.audit import Deed
from klaroen.core.model import Token
from klaroen.store import codec, sql, trail
from klaroen.store.connection import Connection


def put(writing: Connection, token: Token, deed: Deed | None) -> None:
    writing.run(sql.ADMIT, (token.name, codec.encode(token)))
    trail.enter(writing, deed)


def revoke(writing: Connection, name: str, deed: Deed | None) -> bool:
    revoked = writing.run(sql.REVOKE, (name,)) == 1
    trail.enter(writing, deed if revoked else None)
    return revoked
