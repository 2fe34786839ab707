-- Version 4: what alerts came to, place by place (R20, R21), and which follow which (R18). A book is msgpack of
-- klaroen.core.books: counts and money, kept when addresses and texts are erased.

CREATE TABLE book (
  level TEXT NOT NULL,                   -- network, zone, country or sender
  name TEXT NOT NULL,                    -- '' of the country
  at INTEGER NOT NULL,                   -- when the alert was accepted
  alert TEXT NOT NULL,
  class TEXT NOT NULL,
  mode TEXT NOT NULL,
  book BLOB NOT NULL,
  PRIMARY KEY (level, name, at, alert)
) WITHOUT ROWID;
CREATE INDEX book_at ON book (level, at);

CREATE TABLE follow (
  follows TEXT NOT NULL,
  alert TEXT NOT NULL,
  PRIMARY KEY (follows, alert)
) WITHOUT ROWID;
