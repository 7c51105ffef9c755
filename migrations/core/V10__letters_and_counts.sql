-- How far a file is, row by row, and which of the times that it was put on the bucket counts.
SET LOCAL ROLE analytics_owner;

-- Each attempt to load a file is one batch, whose positions are the file's rows. `begins_at` is NULL where the version before began the file.
ALTER TABLE core.files
    ADD COLUMN attempt integer NOT NULL DEFAULT 0,
    -- Of the last time that the file was put on the bucket, as far as that is known: later ones are greater.
    ADD COLUMN sequencer text NOT NULL DEFAULT '',
    ADD COLUMN begins_at integer CHECK (begins_at >= 0),
    -- Where the rest was refused.
    ADD COLUMN stopped_at integer CHECK (stopped_at >= 0),
    -- What attempts before, or the version before, have brought.
    ADD COLUMN accepted_before bigint NOT NULL DEFAULT 0,
    ADD COLUMN rejected_before bigint NOT NULL DEFAULT 0;
GRANT UPDATE (attempt, sequencer, begins_at, stopped_at, accepted_before, rejected_before) ON core.files TO analytics_app;

-- What follows is the migration runner's own bookkeeping, as the login.
RESET ROLE;
