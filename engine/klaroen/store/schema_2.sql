-- Version 2: the central number. A blob is msgpack of a record of klaroen.core.pins.

CREATE TABLE pin (
  officer TEXT PRIMARY KEY,
  code TEXT NOT NULL UNIQUE,             -- what the officer keys in
  pin BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE tries (
  who TEXT PRIMARY KEY,                  -- an officer, or a caller by a keyed hash
  at INTEGER NOT NULL,                   -- of the last wrong try
  tries BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX tries_at ON tries (at);
