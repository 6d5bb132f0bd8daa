-- Version 1. One database, one ledger. What decides stands above the line, what only helps below it.
CREATE TABLE head (
    one      INTEGER PRIMARY KEY CHECK (one = 1),
    size     INTEGER NOT NULL,
    frontier BLOB NOT NULL,
    time     INTEGER NOT NULL
) STRICT;

CREATE TABLE leaf (
    number INTEGER PRIMARY KEY,
    leaf   BLOB NOT NULL UNIQUE CHECK (length(leaf) = 35),
    time   INTEGER NOT NULL,
    salt   BLOB NOT NULL,
    record BLOB NOT NULL
) STRICT;

-- `number` is 256 times the leaf's number plus the attachment's place in it: one tree instead of a table and an index.
CREATE TABLE attachment (
    number    INTEGER PRIMARY KEY,
    name      TEXT NOT NULL,
    salt      BLOB,
    bytes     BLOB,
    erased_by INTEGER,
    leaf      INTEGER NOT NULL GENERATED ALWAYS AS (number / 256) VIRTUAL
) STRICT;

CREATE TABLE state_row (
    kind       TEXT NOT NULL,
    id         TEXT NOT NULL,
    version    INTEGER NOT NULL,
    first_leaf INTEGER NOT NULL,
    last_leaf  INTEGER NOT NULL,
    state      TEXT NOT NULL,
    due        INTEGER,
    owner      TEXT NOT NULL,
    belongs_to TEXT NOT NULL,
    body       BLOB NOT NULL,
    UNIQUE (kind, id)
) STRICT;
CREATE INDEX state_row_by_age ON state_row (kind, first_leaf, id);
CREATE INDEX state_row_by_state ON state_row (kind, state, first_leaf, id);
CREATE INDEX state_row_by_owner ON state_row (kind, owner, first_leaf, id);
CREATE INDEX state_row_by_group ON state_row (kind, belongs_to, first_leaf, id);
CREATE INDEX state_row_by_due ON state_row (kind, due) WHERE due IS NOT NULL;

CREATE TABLE counter (
    key   TEXT PRIMARY KEY,
    value INTEGER NOT NULL CHECK (value >= 0)
) STRICT, WITHOUT ROWID;

CREATE TABLE unique_key (
    key    TEXT PRIMARY KEY,
    leaf   INTEGER NOT NULL,
    forget INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX unique_key_by_age ON unique_key (forget) WHERE forget IS NOT NULL;

CREATE TABLE outbox (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    dedup  TEXT NOT NULL,
    topic  TEXT NOT NULL,
    body   TEXT NOT NULL
) STRICT;

-- ---- operational: no authority, losing it costs a retry ----

CREATE TABLE opened_view (
    review_nonce TEXT PRIMARY KEY,
    request      TEXT NOT NULL,
    view         BLOB NOT NULL,
    expires      INTEGER NOT NULL
) STRICT;
CREATE INDEX opened_view_by_age ON opened_view (expires);
