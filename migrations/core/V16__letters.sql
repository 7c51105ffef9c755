-- Letters keep in which time zone their file is read, so that a replayed one means what the file meant; deletions say who asked for them, and for what.
SET LOCAL ROLE analytics_owner;

ALTER TABLE core.dead_letters ADD COLUMN time_zone text;

ALTER TABLE core.changes
    ADD COLUMN begun_by uuid,
    ADD COLUMN deleted_from timestamptz,
    ADD COLUMN deleted_to timestamptz;
GRANT UPDATE (begun_by, deleted_from, deleted_to) ON core.changes TO analytics_app;

-- What follows is the migration runner's own bookkeeping, as the login.
RESET ROLE;
