-- Turns of upkeep and of long work: who was tried last comes last, whether or not it failed, so that what fails keeps nobody else waiting.
SET LOCAL ROLE analytics_owner;

-- Entities whose upkeep failed, or was not ended: without a row one has waited since its first commit that is not moved up.
CREATE TABLE core.upkeep (
    client_id  uuid NOT NULL,
    entity_id  integer PRIMARY KEY,
    tried_at   timestamptz NOT NULL,
    -- How often it failed since it last got on, and why.
    failures   integer NOT NULL DEFAULT 0,
    reason     text,
    FOREIGN KEY (client_id, entity_id) REFERENCES core.entities (client_id, id) ON DELETE CASCADE
);
ALTER TABLE core.upkeep ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own_client ON core.upkeep TO analytics_app USING (client_id = core.current_client());
CREATE POLICY owner ON core.upkeep TO analytics_owner USING (true);

-- Fillings and moves take turns. Failures are counted since the last step that ended well; `reason` is the last one's.
ALTER TABLE core.fillings
    ADD COLUMN tried_at timestamptz,
    ADD COLUMN failures integer NOT NULL DEFAULT 0,
    ADD COLUMN reason text;
ALTER TABLE core.moves
    ADD COLUMN tried_at timestamptz,
    ADD COLUMN failures integer NOT NULL DEFAULT 0,
    ADD COLUMN reason text;

-- Why a grouping is kept no longer, where that is not the number of its groups.
ALTER TABLE core.stopped_groupings ADD COLUMN reason text;
-- Who gives a filling up has what was filled cleared by the upkeep.
GRANT INSERT ON core.stopped_groupings TO analytics_app;

-- When a range was last tried to be refreshed (Community edition).
ALTER TABLE core.stale_ranges ADD COLUMN tried_at timestamptz;
CREATE INDEX stale_ranges_by_time ON core.stale_ranges (client_id, to_time);
DROP INDEX core.stale_ranges_by_client;

-- Where rollups lag, for questions of several clients at once and each client's times: what lags in other years is not even read.
CREATE FUNCTION core.stale_ranges_within(clients uuid[], from_times timestamptz[], to_times timestamptz[])
    RETURNS TABLE (volume text, client_id uuid, entity_id integer, from_time timestamptz, to_time timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT DISTINCT s.volume, s.client_id, s.entity_id, s.from_time, s.to_time
        FROM unnest(clients, from_times, to_times) AS wanted (client_id, from_time, to_time)
        JOIN core.stale_ranges s ON s.client_id = wanted.client_id AND s.to_time > wanted.from_time AND s.from_time < wanted.to_time
    $$;
REVOKE ALL ON FUNCTION core.stale_ranges_within FROM PUBLIC;
GRANT EXECUTE ON FUNCTION core.stale_ranges_within TO analytics_app;

-- What follows is the migration runner's own bookkeeping, as the login.
RESET ROLE;
