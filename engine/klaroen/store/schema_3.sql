-- Version 3: the audit trail (R22). An entry is JSON of klaroen.core.audit, chained by its hash; rows are only added.

CREATE TABLE audit (
  number INTEGER PRIMARY KEY,            -- from 1, without a gap
  entry BLOB NOT NULL,
  digest BLOB NOT NULL
);
