-- Browsers that people are told at: operational, no authority, losing them costs a click.
CREATE TABLE gatehold.push_subscription (
    id         bytea PRIMARY KEY CHECK (length(id) = 32),
    human      text COLLATE "C" NOT NULL,
    endpoint   text NOT NULL,
    p256dh     text NOT NULL,
    auth       text NOT NULL,
    server_key bytea NOT NULL CHECK (length(server_key) = 32),
    created    bigint NOT NULL
);
CREATE INDEX push_subscription_by_human ON gatehold.push_subscription (human, created);
