-- Letters keep in which time zone their file is read, so that a replayed one means what the file meant; deletions say who asked for them, and for what.
SET LOCAL ROLE analytics_owner;

ALTER TABLE core.dead_letters
    ADD COLUMN time_zone text,
    -- How often a replay of it was told to bring nothing, and then the letter came back: the next replay is another batch.
    ADD COLUMN reopened integer NOT NULL DEFAULT 0;

ALTER TABLE core.changes
    ADD COLUMN begun_by uuid,
    ADD COLUMN deleted_from timestamptz,
    ADD COLUMN deleted_to timestamptz,
    -- The filter as it was asked; the other one has slots in place of names, which may change.
    ADD COLUMN deleted_filter jsonb;
GRANT UPDATE (begun_by, deleted_from, deleted_to, deleted_filter) ON core.changes TO analytics_app;

-- What follows is the migration runner's own bookkeeping, as the login.
RESET ROLE;
