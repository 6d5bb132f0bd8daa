-- Which provider vouched for a session, and how it was asked; nothing where a printed code did. Of those that began before, nobody
-- knows.
DELETE FROM gatehold.browser_session;
ALTER TABLE gatehold.browser_session ADD COLUMN provider bytea CHECK (length(provider) = 32);
