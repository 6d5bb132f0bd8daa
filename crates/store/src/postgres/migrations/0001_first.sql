-- What decides stands above the line, what only helps below it. Text compares by bytes, as in the other stores.
CREATE TABLE gatehold.head (
    one      boolean PRIMARY KEY DEFAULT true CHECK (one),
    size     bigint NOT NULL,
    frontier bytea NOT NULL,
    time     bigint NOT NULL
) WITH (fillfactor = 10);

CREATE TABLE gatehold.leaf (
    number bigint PRIMARY KEY,
    leaf   bytea NOT NULL UNIQUE CHECK (length(leaf) = 35),
    time   bigint NOT NULL,
    salt   bytea NOT NULL CHECK (length(salt) = 32),
    record bytea NOT NULL
);

CREATE TABLE gatehold.attachment (
    leaf      bigint NOT NULL,
    place     integer NOT NULL,
    name      text COLLATE "C" NOT NULL,
    salt      bytea,
    bytes     bytea,
    erased_by bigint,
    PRIMARY KEY (leaf, place)
);

CREATE TABLE gatehold.state_row (
    kind       text COLLATE "C" NOT NULL,
    id         text COLLATE "C" NOT NULL,
    version    bigint NOT NULL,
    first_leaf bigint NOT NULL,
    last_leaf  bigint NOT NULL,
    state      text COLLATE "C" NOT NULL,
    due        bigint,
    owner      text COLLATE "C" NOT NULL,
    belongs_to text COLLATE "C" NOT NULL,
    body       bytea NOT NULL,
    PRIMARY KEY (kind, id)
);
CREATE INDEX state_row_by_age ON gatehold.state_row (kind, first_leaf, id);
CREATE INDEX state_row_by_state ON gatehold.state_row (kind, state, first_leaf, id);
CREATE INDEX state_row_by_owner ON gatehold.state_row (kind, owner, first_leaf, id);
CREATE INDEX state_row_by_group ON gatehold.state_row (kind, belongs_to, first_leaf, id);
CREATE INDEX state_row_by_due ON gatehold.state_row (kind, due) WHERE due IS NOT NULL;

CREATE TABLE gatehold.counter (
    key   text COLLATE "C" PRIMARY KEY,
    value bigint NOT NULL CHECK (value >= 0)
);

CREATE TABLE gatehold.unique_key (
    key    text COLLATE "C" PRIMARY KEY,
    leaf   bigint NOT NULL,
    forget bigint
);
CREATE INDEX unique_key_by_age ON gatehold.unique_key (forget) WHERE forget IS NOT NULL;

CREATE TABLE gatehold.outbox (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dedup  text NOT NULL,
    topic  text NOT NULL,
    body   text NOT NULL
);

-- ---- operational: no authority, losing it costs a retry ----

CREATE TABLE gatehold.opened_view (
    review_nonce text COLLATE "C" PRIMARY KEY,
    request      text NOT NULL,
    view         bytea NOT NULL,
    expires      bigint NOT NULL
);
CREATE INDEX opened_view_by_age ON gatehold.opened_view (expires);
