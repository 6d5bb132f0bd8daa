-- Version 4. Which provider vouched for a session, and how it was asked; nothing where a printed code did. Of those that began
-- before, nobody knows.
DELETE FROM browser_session;
ALTER TABLE browser_session ADD COLUMN provider BLOB CHECK (length(provider) = 32);
