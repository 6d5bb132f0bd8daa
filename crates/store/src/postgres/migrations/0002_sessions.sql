-- Sessions of people in browsers: operational, no authority, losing them costs a sign-in.
CREATE TABLE gatehold.browser_session (
    id        bytea PRIMARY KEY CHECK (length(id) = 32),
    human     text COLLATE "C" NOT NULL,
    csrf      bytea NOT NULL CHECK (length(csrf) = 32),
    how       text NOT NULL,
    created   bigint NOT NULL,
    last_used bigint NOT NULL,
    expires   bigint NOT NULL
);
CREATE INDEX browser_session_by_human ON gatehold.browser_session (human, created);
CREATE INDEX browser_session_by_age ON gatehold.browser_session (expires);
