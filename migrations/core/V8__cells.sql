-- Cells: other databases in which clients live. What is needed before a client is known, or is the provider's (clients, users, licences, signing keys),
-- stays in the first database, the *home*; all else of a client is in the one database where it lives. That each database says itself, in
-- `core.residences`, and every transaction of a client asks it with its BEGIN.
SET LOCAL ROLE analytics_owner;

-- The cells that there are, at home. An entity's identity is the same wherever its client lives, so each database gives identities of a range of its own:
-- 2^31 of them in 64 ranges.
CREATE TABLE core.cells (
    number      integer PRIMARY KEY CHECK (number BETWEEN 1 AND 63),
    name        text NOT NULL UNIQUE,
    created_at  timestamptz NOT NULL DEFAULT now()
);

-- Which cell this database is; no row at home.
CREATE TABLE core.this_cell (
    is_one  boolean PRIMARY KEY DEFAULT true CHECK (is_one),
    number  integer NOT NULL,
    name    text NOT NULL
);
GRANT SELECT ON core.this_cell TO analytics_app;
ALTER TABLE core.entities ALTER COLUMN id SET MAXVALUE 33554431;

-- Whether clients live here. Without a row one lives at home. `generation` grows by one with each move: it is the one in which the client lives at
-- `gone_to` ('' is home), or here where that is NULL. While it moves here, and until that is settled, `arriving` is the generation in which it lives here:
-- who knows that number has it from where the client was, where the move is one commit.
CREATE TABLE core.residences (
    client_id   uuid PRIMARY KEY,
    generation  bigint NOT NULL DEFAULT 0,
    gone_to     text,
    arriving    bigint CHECK (arriving > generation),
    left_at     timestamptz,
    -- Whether what it left behind is cleared.
    is_cleared  boolean NOT NULL DEFAULT true,
    CHECK (arriving IS NULL OR gone_to IS NOT NULL)
);
ALTER TABLE core.residences ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own_client ON core.residences TO analytics_app USING (client_id = core.current_client());
CREATE POLICY owner ON core.residences TO analytics_owner USING (true);
GRANT SELECT, INSERT (client_id) ON core.residences TO analytics_app;

-- Begins the work of a client here: refused with AE001 when the client lives elsewhere, which is told in the detail as generation and cell, and without
-- writing while the client is being moved. A move has the lock alone, so none can begin before the transaction's end, nor copy what it has not committed.
CREATE FUNCTION core.enter(client uuid, known bigint) RETURNS void LANGUAGE plpgsql
    AS $$
        DECLARE
            residence record;
        BEGIN
            IF NOT pg_try_advisory_xact_lock_shared(hashtextextended('client ' || client, 0)) THEN
                PERFORM set_config('transaction_read_only', 'on', true);
            END IF;
            SELECT r.generation, r.gone_to, r.arriving INTO residence FROM core.residences r WHERE r.client_id = client;
            IF FOUND THEN
                IF residence.gone_to IS NOT NULL AND (residence.arriving IS NULL OR known < residence.arriving) THEN
                    RAISE EXCEPTION 'the client lives in another database' USING ERRCODE = 'AE001', DETAIL = residence.generation || ' ' || residence.gone_to;
                END IF;
            ELSIF EXISTS (SELECT FROM core.this_cell) THEN
                RAISE EXCEPTION 'the client has never lived in this cell' USING ERRCODE = 'AE001', DETAIL = '0 ';
            END IF;
            -- A snapshot that was taken before the lock does not show a move that ended in between. This fails as a conflict then.
            IF current_setting('transaction_isolation') = 'repeatable read' AND current_setting('transaction_read_only') = 'off' THEN
                INSERT INTO core.residences (client_id) VALUES (client) ON CONFLICT DO NOTHING;
            END IF;
        END
    $$;
REVOKE ALL ON FUNCTION core.enter FROM PUBLIC;
GRANT EXECUTE ON FUNCTION core.enter TO analytics_app;

-- The last guard, once for a statement: whoever does not ask for the place, because it was not given cells, writes nothing of a client that has gone.
DO $$
DECLARE
    name text;
    stays text := '(SELECT NOT EXISTS (SELECT FROM core.residences r WHERE r.client_id = core.current_client() AND r.gone_to IS NOT NULL AND r.arriving IS NULL))';
BEGIN
    FOREACH name IN ARRAY ARRAY['entities', 'clocks', 'commits', 'stopped_groupings', 'fillings', 'kpis', 'files', 'batches', 'dead_letters', 'outbox',
        'branding', 'proposals', 'proposal_revisions', 'proposal_renderings'] LOOP
        EXECUTE format('CREATE POLICY adds_here ON core.%I AS RESTRICTIVE FOR INSERT TO analytics_app WITH CHECK (%s)', name, stays);
        EXECUTE format('CREATE POLICY changes_here ON core.%I AS RESTRICTIVE FOR UPDATE TO analytics_app USING (%s)', name, stays);
    END LOOP;
END $$;

-- Whether a client lives here for good: what looks at all clients leaves the others alone.
CREATE FUNCTION core.is_here(client uuid) RETURNS boolean LANGUAGE sql STABLE
    AS $$ SELECT coalesce((SELECT r.gone_to IS NULL FROM core.residences r WHERE r.client_id = client), NOT EXISTS (SELECT FROM core.this_cell)) $$;
REVOKE ALL ON FUNCTION core.is_here FROM PUBLIC;

CREATE OR REPLACE FUNCTION core.overdue_events(before timestamptz, at_most bigint)
    RETURNS TABLE (client_id uuid, id uuid, kind text, detail jsonb)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT o.client_id, o.id, o.kind, o.detail FROM core.outbox o
        WHERE o.created_at < before AND core.is_here(o.client_id) ORDER BY o.tries, o.created_at LIMIT at_most
    $$;

CREATE OR REPLACE FUNCTION core.count_facts(since date)
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
            WHERE core.is_here(c.id)
            ON CONFLICT ON CONSTRAINT facts_of_days_pkey DO UPDATE SET facts = excluded.facts WHERE kept.facts <> excluded.facts;
        SELECT kept.client_id, sum(kept.facts)::bigint FROM core.facts_of_days kept GROUP BY 1 HAVING core.is_here(kept.client_id);
    $$;

-- Where some clients live that do not live here for good, for the publisher: those who are not among the answer do.
CREATE FUNCTION core.elsewhere(wanted uuid[])
    RETURNS TABLE (client_id uuid, generation bigint, gone_to text, arriving bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT w.id, coalesce(r.generation, 0), coalesce(r.gone_to, ''), r.arriving
        FROM unnest(wanted) AS w (id) LEFT JOIN core.residences r ON r.client_id = w.id
        WHERE r.gone_to IS NOT NULL OR (r.client_id IS NULL AND EXISTS (SELECT FROM core.this_cell))
    $$;
REVOKE ALL ON FUNCTION core.elsewhere FROM PUBLIC;
GRANT EXECUTE ON FUNCTION core.elsewhere TO analytics_app;

-- What follows is the migration runner's own bookkeeping, as the login.
RESET ROLE;
