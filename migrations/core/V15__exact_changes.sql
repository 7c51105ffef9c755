-- What was undone, replaced or deleted is exact, however these meet: what a deletion took is told apart, flags are kept as long as something may come back, and
-- a change says how far it is within a minute of many facts.
SET LOCAL ROLE analytics_owner;

-- Facts of a batch that deletions took: they stay gone when the batch comes back.
ALTER TABLE core.batches ADD COLUMN deleted bigint NOT NULL DEFAULT 0;
UPDATE core.batches SET deleted = removed WHERE undone_by IS NULL AND removed > 0;
GRANT UPDATE (deleted) ON core.batches TO analytics_app;

-- Since when its facts are nobody's.
ALTER TABLE core.commits ADD COLUMN undone_at timestamptz;
UPDATE core.commits SET undone_at = clock_timestamp() WHERE is_undone;
GRANT UPDATE (undone_at) ON core.commits TO analytics_app;

-- Within a minute that has too many facts for one step: up to which commit, or which key, what comes back is back.
ALTER TABLE core.changes ADD COLUMN back_to_number bigint, ADD COLUMN back_to_key uuid;
GRANT UPDATE (back_to_number, back_to_key) ON core.changes TO analytics_app;

-- What a batch's facts of a keyed entity were, when the batch comes back.
DO $$
DECLARE name text;
BEGIN
    FOR name IN SELECT v.name FROM core.volumes v LOOP
        EXECUTE format('CREATE INDEX ON %I.replaced (entity_id, batch_number) WHERE key IS NOT NULL', name);
    END LOOP;
END $$;

-- As before; but a batch that may come back is known as long as that.
CREATE OR REPLACE FUNCTION core.forget_batches(client uuid, before timestamptz, at_most bigint) RETURNS bigint
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
                    AND (f.state IN ('replaced', 'undone') OR f.accepted = 0)
                    AND NOT EXISTS (SELECT FROM core.changes h WHERE h.client_id = client AND h.id = f.change_id)
                ORDER BY f.begun_at LIMIT at_most)
            RETURNING 1
        ), batches AS (
            DELETE FROM core.batches WHERE client_id = client AND id IN (
                SELECT b.id FROM core.batches b WHERE b.client_id = client AND b.begun_at < before AND b.finished_at < before
                    AND NOT EXISTS (SELECT FROM core.commits c WHERE c.client_id = client AND c.batch_id = b.id AND c.is_kept AND NOT c.is_undone)
                    AND NOT EXISTS (SELECT FROM core.changes h WHERE h.client_id = client AND h.id = b.undone_by)
                    AND b.id IS DISTINCT FROM (
                        SELECT o.id FROM core.batches o WHERE o.client_id = client AND o.entity = b.entity AND o.latest IS NOT NULL
                        ORDER BY o.latest DESC LIMIT 1)
                ORDER BY b.begun_at LIMIT at_most)
            RETURNING 1
        )
        SELECT (SELECT count(*) FROM letters) + (SELECT count(*) FROM files) + (SELECT count(*) FROM batches)
    $$;

-- As before; but a commit that was undone is known as long as what its facts were may be asked for: rows of `replaced` go by chunks of a week, and a change may
-- last.
CREATE OR REPLACE FUNCTION core.forget_history(before timestamptz) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    AS $$
        DECLARE relation regclass;
        BEGIN
            FOR relation IN
                SELECT to_regclass(format('%I.%I', v.name, t.name)) FROM core.volumes v CROSS JOIN (VALUES ('history'), ('replaced')) AS t (name)
            LOOP
                IF relation IS NOT NULL THEN PERFORM drop_chunks(relation, older_than => before); END IF;
            END LOOP;
            DELETE FROM core.changes WHERE finished_at < before;
            DELETE FROM core.commits WHERE committed_at < before AND CASE
                WHEN is_undone THEN coalesce(undone_at, committed_at) < before - interval '14 days'
                ELSE NOT is_kept
            END;
        END
    $$;

-- What follows is the migration runner's own bookkeeping, as the login.
RESET ROLE;
