-- Teams in which somebody has no seat through a session.
ALTER TABLE gatehold.browser_session ADD COLUMN narrowed text NOT NULL DEFAULT '';
