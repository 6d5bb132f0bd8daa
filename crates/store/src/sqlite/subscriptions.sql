-- Version 6. Browsers that people are told at: operational, no authority, losing them costs a click.
CREATE TABLE push_subscription (
    id         BLOB PRIMARY KEY CHECK (length(id) = 32),
    human      TEXT NOT NULL,
    endpoint   TEXT NOT NULL,
    p256dh     TEXT NOT NULL,
    auth       TEXT NOT NULL,
    server_key BLOB NOT NULL CHECK (length(server_key) = 32),
    created    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX push_subscription_by_human ON push_subscription (human, created);
