-- Version 3. Teams in which somebody has no seat through a session.
ALTER TABLE browser_session ADD COLUMN narrowed TEXT NOT NULL DEFAULT '';
