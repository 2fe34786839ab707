-- Version 6: the register by rows. What is personal is sealed by AES-SIV with the row's identity as associated data; the
-- table `register` of version 1 stays until dispatch, which alone holds the keys, has turned it into rows.

CREATE TABLE register_version (
  number INTEGER PRIMARY KEY,            -- rows of higher ones are staged, and do not hold
  at INTEGER NOT NULL,
  by TEXT NOT NULL,
  what TEXT NOT NULL
);

CREATE TABLE register_row (
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  since INTEGER NOT NULL,                -- the version from which it holds
  number INTEGER,                        -- a member's
  open BLOB,                             -- NULL: gone
  key INTEGER NOT NULL,
  sealed BLOB,                           -- NULL: gone, or erased
  PRIMARY KEY (kind, name, since)
) WITHOUT ROWID;
CREATE INDEX register_row_since ON register_row (since);

CREATE TABLE register_address (
  digest BLOB NOT NULL,                  -- keyed hash of a member's number or mail address
  name TEXT NOT NULL,
  since INTEGER NOT NULL,
  PRIMARY KEY (digest, name, since)
) WITHOUT ROWID;

CREATE TABLE register_membership (
  network TEXT NOT NULL,
  name TEXT NOT NULL,                    -- of whoever has or had one
  PRIMARY KEY (network, name)
) WITHOUT ROWID;

CREATE TABLE register_change (
  version INTEGER NOT NULL,
  network TEXT NOT NULL,
  what TEXT NOT NULL,
  at INTEGER NOT NULL,
  reported_at INTEGER,
  PRIMARY KEY (version, network, what)
) WITHOUT ROWID;

CREATE TABLE register_start (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  version INTEGER NOT NULL,
  key INTEGER NOT NULL,
  sealed BLOB NOT NULL
);
