-- Version 1 of the store. A blob is msgpack of a record of klaroen.core, or bytes that only the core reads.
--
-- What is written once (acceptance, batch_plan) stands apart from what changes (alert, batch): SQLite rewrites a whole
-- row at each update, and a batch's cursor moves often while its plan is 4 kB. There is no row per delivery.
-- Nothing here names a member otherwise than by number.

CREATE TABLE meta (
  name TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO meta (name, value) VALUES ('last_instant', 0);

CREATE TABLE alert (
  sequence INTEGER PRIMARY KEY,          -- grows with acceptance; alerts are never deleted
  id TEXT NOT NULL UNIQUE,
  class TEXT NOT NULL,
  state TEXT NOT NULL,
  changed_at INTEGER NOT NULL,           -- the last change of `state`
  expanded INTEGER NOT NULL DEFAULT 0,
  final BLOB                             -- the closing account; NULL while the alert is open
);
CREATE INDEX alert_open ON alert (sequence) WHERE final IS NULL;

CREATE TABLE acceptance (
  sequence INTEGER PRIMARY KEY REFERENCES alert (sequence),
  alert BLOB NOT NULL,
  audience BLOB NOT NULL
);

CREATE TABLE idempotency (
  token TEXT NOT NULL,
  key TEXT NOT NULL,
  at INTEGER NOT NULL,
  fingerprint BLOB NOT NULL,
  answer BLOB NOT NULL,
  PRIMARY KEY (token, key)
);
CREATE INDEX idempotency_at ON idempotency (at);

CREATE TABLE batch (
  id INTEGER PRIMARY KEY,
  alert TEXT NOT NULL REFERENCES alert (id),
  state TEXT NOT NULL DEFAULT 'ready',
  epoch INTEGER NOT NULL DEFAULT 0,
  owner TEXT,                            -- owner and carrier are those of the latest claim
  carrier TEXT,
  cursor INTEGER NOT NULL DEFAULT 0,
  reference INTEGER NOT NULL DEFAULT 0,
  folded INTEGER NOT NULL DEFAULT 0,     -- the latest journal row that `snapshot` holds
  snapshot BLOB
);
CREATE INDEX batch_alert ON batch (alert);

CREATE TABLE batch_plan (
  id INTEGER PRIMARY KEY REFERENCES batch (id),
  plan BLOB NOT NULL
);

CREATE TABLE journal (
  id INTEGER PRIMARY KEY,                -- in the order of commit
  batch INTEGER NOT NULL REFERENCES batch (id),
  entry BLOB NOT NULL
);
CREATE INDEX journal_batch ON journal (batch);

-- AUTOINCREMENT here: dispatch remembers these ids, so that none may come back after a deletion.
CREATE TABLE inbox (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  carrier TEXT NOT NULL,
  at INTEGER NOT NULL,
  receipts BLOB NOT NULL
);

CREATE TABLE orphan (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  carrier TEXT NOT NULL,
  at INTEGER NOT NULL,
  receipts BLOB NOT NULL
);
CREATE INDEX orphan_at ON orphan (at);

CREATE TABLE reference (
  batch INTEGER PRIMARY KEY REFERENCES batch (id),
  at INTEGER NOT NULL,
  alert TEXT NOT NULL,
  carrier TEXT NOT NULL,
  hashes BLOB NOT NULL,
  positions BLOB NOT NULL
);
CREATE INDEX reference_at ON reference (at);

CREATE TABLE token (
  name TEXT PRIMARY KEY,
  token BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE register (
  version INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  snapshot BLOB NOT NULL,
  zones BLOB NOT NULL,
  networks BLOB NOT NULL,
  members BLOB NOT NULL
);
