-- Version 7: what members reply (R17). A text goes after its time and the row stays: replies are counted for years.

CREATE TABLE reply (
  id INTEGER PRIMARY KEY,                -- in the order of commit
  alert TEXT NOT NULL,
  member TEXT NOT NULL,
  at INTEGER NOT NULL,
  digest BLOB NOT NULL,                  -- of what was said: a reply that is repeated is one
  owed INTEGER NOT NULL,                 -- 1 while an answer is due
  reply BLOB NOT NULL,
  UNIQUE (alert, member, digest)
);
CREATE INDEX reply_owed ON reply (id) WHERE owed;
CREATE INDEX reply_at ON reply (at);
