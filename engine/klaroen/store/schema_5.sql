-- Version 5: what the police decide about networks and coordinators. `kind` is grant or halt, `name` whom it is about,
-- `decree` msgpack of a record of klaroen.core.mandates. A row is what holds; the audit trail says what held before.

CREATE TABLE decree (
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  decree BLOB NOT NULL,
  PRIMARY KEY (kind, name)
) WITHOUT ROWID;
