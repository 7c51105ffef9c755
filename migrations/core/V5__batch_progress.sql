-- How far a batch has come. A batch that would take long is written in several transactions, each of which marks where the next one goes on.
SET LOCAL ROLE analytics_owner;

-- NULL: all of it has had its effect, as it was for every batch before this version.
ALTER TABLE core.batches ADD COLUMN next_position integer CHECK (next_position > 0);

-- When its first transaction ended, by which batches are listed: `finished_at` moves with each of them.
ALTER TABLE core.batches ADD COLUMN begun_at timestamptz;
UPDATE core.batches SET begun_at = finished_at;
ALTER TABLE core.batches ALTER COLUMN begun_at SET DEFAULT clock_timestamp(), ALTER COLUMN begun_at SET NOT NULL;
CREATE INDEX batches_by_time ON core.batches (client_id, begun_at DESC, id DESC);

GRANT UPDATE (accepted, rejected, latest, next_position, finished_at) ON core.batches TO analytics_app;

-- What follows is the migration runner's own bookkeeping, as the login.
RESET ROLE;
