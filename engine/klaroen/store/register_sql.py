"""Every statement of the register's tables, named for what it does."""

from typing import Final

STAGE: Final = "INSERT INTO register_row (kind, name, since, number, open, key, sealed) VALUES :rows"
REPLACE: Final = """
INSERT OR REPLACE INTO register_row (kind, name, since, number, open, key, sealed) VALUES :rows"""
PUT_ADDRESSES: Final = "INSERT OR IGNORE INTO register_address (digest, name, since) VALUES :rows"
PUT_MEMBERSHIPS: Final = "INSERT OR IGNORE INTO register_membership (network, name) VALUES :rows"
DISCARD_ROWS: Final = "DELETE FROM register_row WHERE since > ?"
DISCARD_ADDRESSES: Final = "DELETE FROM register_address WHERE since > ?"
FORGET_ADDRESSES: Final = "DELETE FROM register_address WHERE (digest, name) IN (VALUES :rows)"

PUT_VERSION: Final = "INSERT INTO register_version (number, at, by, what) VALUES (?, ?, ?, ?)"
PUT_CHANGES: Final = "INSERT INTO register_change (version, network, what, at) VALUES :rows"
REPORT: Final = "UPDATE register_change SET reported_at = ? WHERE version <= ? AND reported_at IS NULL"
PUT_START: Final = "INSERT OR REPLACE INTO register_start (one, version, key, sealed) VALUES (1, ?, ?, ?)"
DROP_START: Final = "DELETE FROM register_start"
DROP_LEGACY: Final = "DELETE FROM register"

VERSION: Final = "SELECT number, at, by, what FROM register_version ORDER BY number DESC LIMIT 1"
VERSIONS: Final = "SELECT number, at, by, what FROM register_version ORDER BY number"
STAGED: Final = "SELECT 1 FROM register_row WHERE since > ? LIMIT 1"
_ROW: Final = "SELECT kind, name, since, number, open, key, sealed FROM register_row"
_LATEST: Final = "SELECT kind, name, MAX(since), number, open, key, sealed FROM register_row"
"""SQLite takes the other columns from the row that has the maximum."""
_AMONG: Final = "IN (SELECT value FROM json_each(?))"
ROWS: Final = f"{_LATEST} WHERE kind {_AMONG} AND since <= ? GROUP BY kind, name ORDER BY kind, name"
MEMBERS: Final = f"{_LATEST} WHERE kind = 'member' AND name {_AMONG} AND since <= ? GROUP BY name ORDER BY name"
HISTORIES: Final = f"{_ROW} WHERE kind = 'member' AND name {_AMONG} AND since <= ? ORDER BY name, since"
HISTORY: Final = f"{_ROW} WHERE kind = ? AND name = ? AND since <= ? ORDER BY since"
SUPERSEDED: Final = """
SELECT kind, name, since, number, open, key, sealed FROM register_row AS old
WHERE kind = ? AND sealed IS NOT NULL AND EXISTS (
  SELECT 1 FROM register_row AS new
  WHERE new.kind = old.kind AND new.name = old.name AND new.since > old.since AND new.since <= ?)
LIMIT ?"""
ROWS_EVER: Final = f"{_ROW} WHERE kind = ? AND since <= ? ORDER BY name, since"
ROWS_AFTER: Final = f"{_LATEST} WHERE since > ? AND since <= ? GROUP BY kind, name ORDER BY kind, name"
ROWS_SEALED_BEFORE: Final = f"{_ROW} WHERE key < ? AND sealed IS NOT NULL LIMIT ?"
MEMBERS_EVER: Final = "SELECT name FROM register_membership WHERE network = ? ORDER BY name"
FOUND: Final = "SELECT name, since FROM register_address WHERE digest = ? ORDER BY name, since"
MEMBER_NUMBERS: Final = """
SELECT name, number, MAX(since) FROM register_row WHERE kind = 'member' GROUP BY name"""
NUMBERS_GIVEN: Final = "SELECT COALESCE(MAX(number) + 1, 0) FROM register_row WHERE kind = 'member'"
START: Final = "SELECT version, key, sealed FROM register_start"
CHANGES: Final = """
SELECT version, at, network, what, reported_at FROM register_change ORDER BY version, network, what"""
LEGACY: Final = "SELECT version, at, snapshot, zones, networks, members FROM register ORDER BY version"
