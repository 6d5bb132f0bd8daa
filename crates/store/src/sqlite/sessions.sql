-- Version 2. Sessions of people in browsers: operational, no authority, losing them costs a sign-in.
CREATE TABLE browser_session (
    id        BLOB PRIMARY KEY CHECK (length(id) = 32),
    human     TEXT NOT NULL,
    csrf      BLOB NOT NULL CHECK (length(csrf) = 32),
    how       TEXT NOT NULL,
    created   INTEGER NOT NULL,
    last_used INTEGER NOT NULL,
    expires   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX browser_session_by_human ON browser_session (human, created);
CREATE INDEX browser_session_by_age ON browser_session (expires);
