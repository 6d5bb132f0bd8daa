-- When a message was written, so that whoever delivers it knows how old it is. Nobody delivered those before, and what they tell
-- is over or stands in the inbox.
DELETE FROM gatehold.outbox;
ALTER TABLE gatehold.outbox ADD COLUMN time bigint NOT NULL DEFAULT 0;

-- Who does what one process at a time does. Operational.
CREATE TABLE gatehold.lease (
    name    text COLLATE "C" PRIMARY KEY,
    holder  text NOT NULL,
    expires bigint NOT NULL
);
