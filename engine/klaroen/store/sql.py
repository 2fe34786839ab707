"""Every statement of the store, named for what it does.

Law: values always as parameters; `:rows` stands for one or many of them (`Connection.run_rows`). Fencing stands in the
statements themselves: what names an epoch changes nothing under any other.
"""

from typing import Final

SEQUENCE_MAX: Final = (1 << 63) - 1
REFERENCES_PAGE: Final = 32
"""Rows of 12 kB a read transaction: 0.4 MB."""

# --- writes ---------------------------------------------------------------------------------------------------------

SEE: Final = "UPDATE meta SET value = ? WHERE name = 'last_instant'"

ACCEPT: Final = "INSERT INTO alert (id, class, state, changed_at) VALUES (?, ?, ?, ?)"
ACCEPT_ONCE: Final = "INSERT INTO acceptance (sequence, alert, audience) VALUES (?, ?, ?)"
REMEMBER: Final = "INSERT INTO idempotency (token, key, at, fingerprint, answer) VALUES (?, ?, ?, ?, ?)"

EXPAND: Final = "UPDATE alert SET expanded = ? WHERE id = ?"
PUT_BATCHES: Final = "INSERT INTO batch (id, alert) VALUES :rows"
PUT_PLANS: Final = "INSERT INTO batch_plan (id, plan) VALUES :rows"
CLAIM: Final = """
UPDATE batch SET state = 'leased', epoch = epoch + 1, owner = ?, carrier = ?, cursor = ?, reference = ?
WHERE id = ? AND epoch = ? AND state = 'ready'"""

ADVANCE: Final = """
UPDATE batch SET state = new.column1, cursor = new.column2,
  snapshot = COALESCE(new.column3, snapshot), folded = COALESCE(new.column4, folded)
FROM (VALUES :rows) AS new WHERE id = new.column5 AND epoch = new.column6"""
EPOCH: Final = "SELECT epoch FROM batch WHERE id = ?"
WRITE: Final = "INSERT INTO journal (id, batch, entry) VALUES :rows"

RECEIVE: Final = "INSERT INTO inbox (carrier, at, receipts) VALUES (?, ?, ?)"
DRAIN: Final = "DELETE FROM inbox WHERE id IN (SELECT value FROM json_each(?))"
ORPHAN: Final = "INSERT INTO orphan (carrier, at, receipts) VALUES (?, ?, ?)"
MATCH: Final = "DELETE FROM orphan WHERE id IN (SELECT value FROM json_each(?))"

FORGET_TEXTS: Final = "UPDATE acceptance SET alert = ? WHERE sequence = ?"
PUT_META: Final = "INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)"
CHANGE: Final = "UPDATE alert SET state = ?, changed_at = ? WHERE id = ?"
SUPERSEDE: Final = """
UPDATE alert SET state = 'superseded', changed_at = ? WHERE id = ? AND final IS NULL AND state <> 'cancelled'"""
CLOSE: Final = "UPDATE alert SET state = ?, changed_at = ?, final = ? WHERE id = ? AND final IS NULL"
REFER: Final = "INSERT INTO reference (batch, at, alert, carrier, hashes, positions) VALUES :rows"
AMEND: Final = "UPDATE alert SET final = ? WHERE id = ? AND final IS NOT NULL"

ADMIT: Final = """
INSERT INTO token (name, token) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET token = excluded.token"""
REVOKE: Final = "DELETE FROM token WHERE name = ?"

PUT_PIN: Final = """
INSERT INTO pin (officer, code, pin) VALUES (?, ?, ?)
ON CONFLICT (officer) DO UPDATE SET code = excluded.code, pin = excluded.pin"""
REVOKE_PIN: Final = "DELETE FROM pin WHERE officer = ?"
PUT_TRIES: Final = """
INSERT INTO tries (who, at, tries) VALUES (?, ?, ?)
ON CONFLICT (who) DO UPDATE SET at = excluded.at, tries = excluded.tries"""
CLEAR_TRIES: Final = "DELETE FROM tries WHERE who = ?"

DECREE: Final = """
INSERT INTO decree (kind, name, decree) VALUES (?, ?, ?)
ON CONFLICT (kind, name) DO UPDATE SET decree = excluded.decree"""
REPEAL: Final = "DELETE FROM decree WHERE kind = ? AND name = ?"

ENTER: Final = "INSERT INTO audit (number, entry, digest) VALUES (?, ?, ?)"
HEAD: Final = "SELECT number, digest FROM audit ORDER BY number DESC LIMIT 1"
LAST_ENTRY: Final = "SELECT number, CAST(entry AS BLOB), CAST(digest AS BLOB) FROM audit ORDER BY number DESC LIMIT 1"
EMPTY_ENTRY: Final = "UPDATE audit SET entry = x'' WHERE number = ?"
FORGET_ENTRIES: Final = "DELETE FROM audit WHERE number < ?"
TRAIL: Final = (
    "SELECT number, CAST(entry AS BLOB), CAST(digest AS BLOB) FROM audit WHERE number > ? ORDER BY number LIMIT ?"
)

PUT_BOOKS: Final = """
INSERT INTO book (level, name, at, alert, class, mode, book) VALUES :rows
ON CONFLICT (level, name, at, alert) DO UPDATE SET book = excluded.book"""
FOLLOW: Final = "INSERT INTO follow (follows, alert) VALUES (?, ?)"

FORGET_BOOKS: Final = """
DELETE FROM book WHERE (level, name, at, alert) IN (
  SELECT level, name, at, alert FROM book
  WHERE level IN ('network', 'zone', 'country', 'sender') AND at < ? LIMIT ?)"""
FORGET_KEYS: Final = """
DELETE FROM idempotency WHERE (token, key) IN (SELECT token, key FROM idempotency WHERE at < ? LIMIT ?)"""
FORGET_REFERENCES: Final = """
DELETE FROM reference WHERE batch IN (SELECT batch FROM reference WHERE at < ? LIMIT ?)"""
FORGET_TRIES: Final = "DELETE FROM tries WHERE who IN (SELECT who FROM tries WHERE at < ? LIMIT ?)"
FORGET_ORPHANS: Final = "DELETE FROM orphan WHERE id IN (SELECT id FROM orphan WHERE at < ? LIMIT ?)"

# --- reads ----------------------------------------------------------------------------------------------------------

_ALERT: Final = """
SELECT alert.sequence, acceptance.alert, state, changed_at, expanded, final
FROM alert JOIN acceptance ON acceptance.sequence = alert.sequence"""
OPEN_ALERTS: Final = f"{_ALERT} WHERE final IS NULL ORDER BY alert.sequence"
ALERT: Final = f"{_ALERT} WHERE id = ?"
_TEXTS_FORGOTTEN: Final = "COALESCE((SELECT value FROM meta WHERE name = 'texts_forgotten'), 0)"
OLDEST_WITH_TEXTS: Final = f"{_ALERT} WHERE alert.sequence > {_TEXTS_FORGOTTEN} ORDER BY alert.sequence LIMIT ?"
AUDIENCE: Final = """
SELECT audience FROM acceptance JOIN alert ON alert.sequence = acceptance.sequence WHERE alert.id = ?"""

_BATCH: Final = """
SELECT plan, batch.state, epoch, owner, carrier, cursor, reference, snapshot
FROM batch JOIN batch_plan ON batch_plan.id = batch.id"""
OPEN_BATCHES: Final = f"{_BATCH} JOIN alert ON alert.id = batch.alert WHERE final IS NULL ORDER BY batch.id"
BATCHES: Final = f"{_BATCH} WHERE batch.alert = ? ORDER BY batch.id"

_JOURNAL: Final = "SELECT journal.batch, entry FROM journal JOIN batch ON batch.id = journal.batch"
OPEN_JOURNAL: Final = f"""
{_JOURNAL} JOIN alert ON alert.id = batch.alert
WHERE final IS NULL AND journal.id > folded ORDER BY journal.id"""
JOURNAL: Final = f"{_JOURNAL} WHERE batch.alert = ? ORDER BY journal.id"
BATCH: Final = f"{_BATCH} WHERE batch.id = ?"
BATCH_JOURNAL: Final = "SELECT entry FROM journal WHERE batch = ? ORDER BY id"
LAST_JOURNAL: Final = "SELECT COALESCE(MAX(id), 0) FROM journal"

INBOX: Final = "SELECT id, carrier, at, receipts FROM inbox ORDER BY id"
ORPHANS: Final = "SELECT id, carrier, at, receipts FROM orphan ORDER BY id"
OLDEST_ORPHAN: Final = "SELECT MIN(at) FROM orphan"
LAST_BATCH: Final = "SELECT COALESCE(MAX(id), 0) FROM batch"
LAST_RESTORED: Final = "SELECT value FROM meta WHERE name = 'restored'"
LAST_INSTANT: Final = "SELECT value FROM meta WHERE name = 'last_instant'"

ANSWER: Final = "SELECT fingerprint, answer FROM idempotency WHERE token = ? AND key = ?"
REFERENCES_AFTER: Final = """
SELECT batch, alert, carrier, hashes, positions FROM reference WHERE batch > ? ORDER BY batch LIMIT ?"""
_BOOKS: Final = """
SELECT at, name, alert, class, mode, book FROM book
WHERE level = ? AND at < ? AND (at, name, alert) > (?, ?, ?)"""
BOOKS_AFTER: Final = f"{_BOOKS} ORDER BY at, name, alert LIMIT ?"
BOOKS_OF_PLACE_AFTER: Final = f"{_BOOKS} AND name = ? ORDER BY at, alert LIMIT ?"
BOOK: Final = "SELECT class, mode, book FROM book WHERE level = ? AND name = ? AND at = ? AND alert = ?"
UNFOLLOWED: Final = """
SELECT book.at, name, book.alert, book.class, mode, book FROM book JOIN alert ON alert.id = book.alert
WHERE level = 'country' AND name = '' AND book.at >= ? AND book.at < ? AND book.class = 'warm' AND mode = 'live'
  AND NOT EXISTS (SELECT 1 FROM follow WHERE follows = book.alert)
ORDER BY book.at DESC, book.alert"""
FOLLOWED: Final = "SELECT 1 FROM follow WHERE follows = ? LIMIT 1"
TOKENS: Final = "SELECT token FROM token ORDER BY name"
PINS: Final = "SELECT pin FROM pin ORDER BY officer"
TRIES: Final = "SELECT tries FROM tries WHERE who = ?"
DECREES: Final = "SELECT decree FROM decree WHERE kind = ? ORDER BY name"


def alerts(class_count: int, state_count: int) -> str:
    """Newest first, below a sequence; parameters: sequence, classes, states, limit."""
    filters = ["alert.sequence < ?"]
    if class_count:
        filters.append(f"class IN ({', '.join('?' * class_count)})")
    if state_count:
        filters.append(f"state IN ({', '.join('?' * state_count)})")
    return f"{_ALERT} WHERE {' AND '.join(filters)} ORDER BY alert.sequence DESC LIMIT ?"


# --- restoring ------------------------------------------------------------------------------------------------------

RESTORED: Final = """
INSERT INTO meta (name, value) SELECT 'restored', COALESCE(MAX(sequence), 0) FROM alert WHERE TRUE
ON CONFLICT (name) DO UPDATE SET value = excluded.value"""
HOLD: Final = """
UPDATE alert SET state = 'paused', changed_at = ?
WHERE final IS NULL AND class = 'cold' AND state IN ('accepted', 'sending')"""
OPEN_COUNT: Final = "SELECT COUNT(*) FROM alert WHERE final IS NULL"
