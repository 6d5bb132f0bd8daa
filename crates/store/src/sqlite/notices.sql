-- When a message was written, so that whoever delivers it knows how old it is. Nobody delivered those before, and what they tell
-- is over or stands in the inbox.
DELETE FROM outbox;
ALTER TABLE outbox ADD COLUMN time INTEGER NOT NULL DEFAULT 0;

-- Who does what one process at a time does. Operational.
CREATE TABLE lease (
    name    TEXT PRIMARY KEY,
    holder  TEXT NOT NULL,
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
