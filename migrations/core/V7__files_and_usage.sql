-- What became of dropped files, and how many facts each client has.
SET LOCAL ROLE analytics_owner;

-- A file that was dropped: its chunks are batches of their own, and this says how far it is, and that it is there though nothing of it became a batch.
CREATE TABLE core.files (
    client_id    uuid NOT NULL REFERENCES core.clients,
    id           uuid NOT NULL,
    key          text NOT NULL,
    entity       text NOT NULL,
    state        text NOT NULL CHECK (state IN ('writing', 'finished', 'refused')),
    reason       text,
    accepted     bigint NOT NULL DEFAULT 0 CHECK (accepted >= 0),
    rejected     bigint NOT NULL DEFAULT 0 CHECK (rejected >= 0),
    begun_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    changed_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (client_id, id)
);
CREATE INDEX files_by_time ON core.files (client_id, begun_at DESC, id DESC);

-- Facts by the day on which their batch was begun. Only the last days are counted anew, so that counting costs what a day has brought, not what there is.
CREATE TABLE core.facts_of_days (
    client_id  uuid NOT NULL REFERENCES core.clients,
    day        date NOT NULL,
    facts      bigint NOT NULL,
    PRIMARY KEY (client_id, day)
);
INSERT INTO core.facts_of_days (client_id, day, facts)
    SELECT client_id, (begun_at AT TIME ZONE 'UTC')::date, sum(accepted) FROM core.batches GROUP BY 1, 2;

DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['files', 'facts_of_days'] LOOP
        EXECUTE format('ALTER TABLE core.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY own_client ON core.%I TO analytics_app USING (client_id = core.current_client())', name);
        EXECUTE format('CREATE POLICY owner ON core.%I TO analytics_owner USING (true)', name);
    END LOOP;
END $$;
GRANT SELECT, INSERT ON core.files TO analytics_app;
GRANT UPDATE (state, reason, accepted, rejected, changed_at) ON core.files TO analytics_app;
GRANT SELECT ON core.facts_of_days TO analytics_app;

-- Counts the facts of every client whose batches were begun since a day, and says how many each has in all: the one question about all of them, for
-- the one function that counts.
CREATE FUNCTION core.count_facts(since date)
    RETURNS TABLE (client_id uuid, facts bigint)
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
        INSERT INTO core.facts_of_days AS kept (client_id, day, facts)
            SELECT c.id, b.day, b.facts
            FROM core.clients c
            CROSS JOIN LATERAL (
                SELECT (b.begun_at AT TIME ZONE 'UTC')::date AS day, sum(b.accepted)::bigint AS facts
                FROM core.batches b
                WHERE b.client_id = c.id AND b.begun_at >= since::timestamp AT TIME ZONE 'UTC'
                GROUP BY 1
            ) b
            ON CONFLICT ON CONSTRAINT facts_of_days_pkey DO UPDATE SET facts = excluded.facts WHERE kept.facts <> excluded.facts;
        SELECT kept.client_id, sum(kept.facts)::bigint FROM core.facts_of_days kept GROUP BY 1;
    $$;
REVOKE ALL ON FUNCTION core.count_facts FROM PUBLIC;
GRANT EXECUTE ON FUNCTION core.count_facts TO analytics_app;

-- What follows is the migration runner's own bookkeeping, as the login.
RESET ROLE;
