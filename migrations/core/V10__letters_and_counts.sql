-- How far a file is, row by row, and which of the times that it was put on the bucket counts; facts and dead letters counted by the hour, client by client;
-- what is let go of after its time.
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

-- Facts and dead letters by the hour in which their batch was begun. Only the last hours are counted anew, so that counting costs what they have brought,
-- however many batches a client makes of it. Days from before stay as they are in core.facts_of_days.
CREATE TABLE core.facts_of_hours (
    client_id  uuid NOT NULL REFERENCES core.clients,
    hour       timestamptz NOT NULL,
    facts      bigint NOT NULL,
    letters    bigint NOT NULL,
    PRIMARY KEY (client_id, hour)
);
-- Up to which hour a client is counted, and when that was tried last.
CREATE TABLE core.counts (
    client_id   uuid PRIMARY KEY REFERENCES core.clients,
    counted_to  timestamptz,
    tried_at    timestamptz NOT NULL DEFAULT clock_timestamp()
);
DELETE FROM core.facts_of_days WHERE day >= (now() AT TIME ZONE 'UTC')::date - 35;
INSERT INTO core.facts_of_hours (client_id, hour, facts, letters)
    SELECT client_id, date_trunc('hour', begun_at, 'UTC'), sum(accepted), sum(rejected) FROM core.batches
    WHERE begun_at >= ((now() AT TIME ZONE 'UTC')::date - 35)::timestamp AT TIME ZONE 'UTC' GROUP BY 1, 2;
INSERT INTO core.counts (client_id, counted_to) SELECT id, date_trunc('hour', now(), 'UTC') FROM core.clients;

DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['facts_of_hours', 'counts'] LOOP
        EXECUTE format('ALTER TABLE core.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY own_client ON core.%I TO analytics_app USING (client_id = core.current_client())', name);
        EXECUTE format('CREATE POLICY owner ON core.%I TO analytics_owner USING (true)', name);
    END LOOP;
END $$;
GRANT SELECT ON core.facts_of_hours TO analytics_app;

-- The version before counts by days until it is gone: days that would be counted twice. It finds none.
CREATE OR REPLACE FUNCTION core.count_facts(since date)
    RETURNS TABLE (client_id uuid, facts bigint)
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$ SELECT NULL::uuid, NULL::bigint WHERE false $$;

-- Who is to be counted, those first whose last try is the longest ago, and up to which hour each is counted: the question about all clients, for the one function
-- that counts.
CREATE FUNCTION core.clients_to_count()
    RETURNS TABLE (client_id uuid, counted_to timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT c.id, k.counted_to FROM core.clients c LEFT JOIN core.counts k ON k.client_id = c.id
        WHERE core.is_here(c.id) ORDER BY k.tried_at NULLS FIRST, c.id
    $$;
REVOKE ALL ON FUNCTION core.clients_to_count FROM PUBLIC;
GRANT EXECUTE ON FUNCTION core.clients_to_count TO analytics_app;

-- Tells that a client is being counted. One whose counting fails so comes after the others, too.
CREATE FUNCTION core.try_count(client uuid) RETURNS void
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
        INSERT INTO core.counts (client_id) SELECT c.id FROM core.clients c WHERE c.id = client AND core.is_here(c.id)
            ON CONFLICT (client_id) DO UPDATE SET tried_at = clock_timestamp();
    $$;
REVOKE ALL ON FUNCTION core.try_count FROM PUBLIC;
GRANT EXECUTE ON FUNCTION core.try_count TO analytics_app;

-- Counts an hour of a client.
CREATE FUNCTION core.count_hour(client uuid, counted timestamptz) RETURNS void
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
        INSERT INTO core.facts_of_hours AS kept (client_id, hour, facts, letters)
            SELECT client, counted, sum(b.accepted), sum(b.rejected) FROM core.batches b
            WHERE b.client_id = client AND b.begun_at >= counted AND b.begun_at < counted + interval '1 hour' HAVING count(*) > 0
            ON CONFLICT (client_id, hour) DO UPDATE SET facts = excluded.facts, letters = excluded.letters
                WHERE (kept.facts, kept.letters) <> (excluded.facts, excluded.letters);
        UPDATE core.counts SET counted_to = greatest(counted_to, counted) WHERE client_id = client;
    $$;
REVOKE ALL ON FUNCTION core.count_hour FROM PUBLIC;
GRANT EXECUTE ON FUNCTION core.count_hour TO analytics_app;

-- Lets go of some of what a client's batches, files and dead letters were before a time: at most so many of each. A batch with the latest fact of an
-- entity stays, because it tells how far that has come.
CREATE FUNCTION core.forget_batches(client uuid, before timestamptz, at_most bigint) RETURNS bigint
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
        WITH letters AS (
            -- Identities of letters begin with the milliseconds of their time.
            DELETE FROM core.dead_letters WHERE id IN (
                SELECT d.id FROM core.dead_letters d
                WHERE d.client_id = client AND d.id < rpad(lpad(to_hex((extract(epoch FROM before) * 1000)::bigint), 12, '0'), 32, '0')::uuid
                ORDER BY d.id LIMIT at_most)
            RETURNING 1
        ), files AS (
            DELETE FROM core.files WHERE client_id = client AND id IN (
                SELECT f.id FROM core.files f WHERE f.client_id = client AND f.begun_at < before AND f.changed_at < before
                ORDER BY f.begun_at LIMIT at_most)
            RETURNING 1
        ), batches AS (
            DELETE FROM core.batches WHERE client_id = client AND id IN (
                SELECT b.id FROM core.batches b WHERE b.client_id = client AND b.begun_at < before AND b.finished_at < before
                    AND b.id IS DISTINCT FROM (
                        SELECT o.id FROM core.batches o WHERE o.client_id = client AND o.entity = b.entity AND o.latest IS NOT NULL
                        ORDER BY o.latest DESC LIMIT 1)
                ORDER BY b.begun_at LIMIT at_most)
            RETURNING 1
        )
        SELECT (SELECT count(*) FROM letters) + (SELECT count(*) FROM files) + (SELECT count(*) FROM batches)
    $$;
REVOKE ALL ON FUNCTION core.forget_batches FROM PUBLIC;
GRANT EXECUTE ON FUNCTION core.forget_batches TO analytics_app;

-- What follows is the migration runner's own bookkeeping, as the login.
RESET ROLE;
