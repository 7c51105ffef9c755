-- What was brought can be taken out again: which facts are whose, changes that take facts out and put them back in steps, versions of a file, and files that
-- are nobody's.
SET LOCAL ROLE analytics_owner;

-- Each batch of a commit has a number of its own, so a batch's facts are those that have its numbers. Commits of before say nothing of it.
ALTER TABLE core.commits
    ADD COLUMN batch_id uuid,
    -- No fact of the number is before or after.
    ADD COLUMN first_time timestamptz,
    ADD COLUMN last_time timestamptz,
    ADD COLUMN facts bigint NOT NULL DEFAULT 0,
    -- Of a file, which may be replaced or undone however old it is.
    ADD COLUMN is_kept boolean NOT NULL DEFAULT false,
    -- Its facts were taken out, or are being: none of them comes back with the undoing of what replaced it.
    ADD COLUMN is_undone boolean NOT NULL DEFAULT false,
    -- Facts that were put back have a new number; this is the one by which they first came.
    ADD COLUMN origin bigint;
CREATE INDEX commits_by_batch ON core.commits (client_id, batch_id) WHERE batch_id IS NOT NULL;
GRANT UPDATE (batch_id, first_time, last_time, facts, is_kept, is_undone) ON core.commits TO analytics_app;

-- A change takes facts out, puts others back or in, and goes in steps of bounded size, each of which says what it touched. It is kept as long as what it
-- took out.
CREATE TABLE core.changes (
    client_id    uuid NOT NULL REFERENCES core.clients,
    id           uuid PRIMARY KEY,
    entity_id    integer NOT NULL,
    kind         text NOT NULL CHECK (kind IN ('undo', 'replacement', 'deletion', 'discard')),
    -- Whose facts are taken out: of batches, or those of a filter that were there by a number.
    batches      uuid[] NOT NULL DEFAULT '{}',
    filter       jsonb,
    up_to        bigint,
    -- Whose facts are put in that were kept aside until now, and the change what of it is put back.
    adds         uuid,
    restores     uuid,
    -- What is before `done_to` is done; nothing is from `to_time` on.
    done_to      timestamptz NOT NULL,
    to_time      timestamptz NOT NULL,
    removed      bigint NOT NULL DEFAULT 0,
    added        bigint NOT NULL DEFAULT 0,
    restored     bigint NOT NULL DEFAULT 0,
    began_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at  timestamptz,
    tried_at     timestamptz,
    failures     integer NOT NULL DEFAULT 0,
    reason       text,
    FOREIGN KEY (client_id, entity_id) REFERENCES core.entities (client_id, id) ON DELETE CASCADE
);
CREATE INDEX changes_by_time ON core.changes (client_id, began_at DESC, id DESC);
CREATE INDEX changes_to_go ON core.changes (client_id, entity_id) WHERE finished_at IS NULL;

-- Batches say by which change they were taken out, and how many of their facts are not there any more.
ALTER TABLE core.batches
    ADD COLUMN undone_by uuid,
    ADD COLUMN removed bigint NOT NULL DEFAULT 0;
GRANT UPDATE (undone_by, removed) ON core.batches TO analytics_app;
-- Letters of a batch that was taken out are nobody's.
ALTER TABLE core.dead_letters ADD COLUMN is_undone boolean NOT NULL DEFAULT false;

-- Versions of a file. One that follows on another under its key is kept aside until all of it was read, and then put in the other's place.
ALTER TABLE core.files
    ADD COLUMN etag text NOT NULL DEFAULT '',
    ADD COLUMN is_aside boolean NOT NULL DEFAULT false,
    ADD COLUMN change_id uuid,
    DROP CONSTRAINT files_state_check,
    ADD CONSTRAINT files_state_check CHECK (state IN ('writing', 'replacing', 'finished', 'refused', 'replaced', 'undoing', 'undone'));
CREATE INDEX files_by_key ON core.files (client_id, key);
GRANT UPDATE (etag, is_aside, change_id) ON core.files TO analytics_app;

DO $$
BEGIN
    ALTER TABLE core.changes ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
    CREATE POLICY own_client ON core.changes TO analytics_app USING (client_id = core.current_client());
    CREATE POLICY owner ON core.changes TO analytics_owner USING (true);
    CREATE POLICY adds_here ON core.changes AS RESTRICTIVE FOR INSERT TO analytics_app WITH CHECK (
        (SELECT NOT EXISTS (SELECT FROM core.residences r WHERE r.client_id = core.current_client() AND r.gone_to IS NOT NULL AND r.arriving IS NULL)));
    CREATE POLICY changes_here ON core.changes AS RESTRICTIVE FOR UPDATE TO analytics_app USING (
        (SELECT NOT EXISTS (SELECT FROM core.residences r WHERE r.client_id = core.current_client() AND r.gone_to IS NOT NULL AND r.arriving IS NULL)));
END $$;
GRANT SELECT, INSERT, UPDATE (done_to, removed, added, restored, finished_at, tried_at, failures, reason) ON core.changes TO analytics_app;

-- Facts that were replaced are looked for by their keys too.
DO $$
DECLARE name text;
BEGIN
    FOR name IN SELECT v.name FROM core.volumes v LOOP
        EXECUTE format('CREATE INDEX ON %I.replaced (entity_id, key) WHERE key IS NOT NULL', name);
    END LOOP;
END $$;

-- What is not there any more is not used. An hour that is counted later knows it from the batches.
CREATE FUNCTION core.discount(begun timestamptz, gone bigint, letters_gone bigint) RETURNS void
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
        UPDATE core.facts_of_hours SET facts = facts - gone, letters = letters - letters_gone
        WHERE client_id = core.current_client() AND hour = date_trunc('hour', begun, 'UTC');
    $$;
REVOKE ALL ON FUNCTION core.discount FROM PUBLIC;
GRANT EXECUTE ON FUNCTION core.discount TO analytics_app;

CREATE OR REPLACE FUNCTION core.count_hour(client uuid, counted timestamptz) RETURNS void
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
        INSERT INTO core.facts_of_hours AS kept (client_id, hour, facts, letters)
            SELECT client, counted, sum(b.accepted - b.removed), sum(CASE WHEN b.undone_by IS NULL THEN b.rejected ELSE 0 END) FROM core.batches b
            WHERE b.client_id = client AND b.begun_at >= counted AND b.begun_at < counted + interval '1 hour' HAVING count(*) > 0
            ON CONFLICT (client_id, hour) DO UPDATE SET facts = excluded.facts, letters = excluded.letters
                WHERE (kept.facts, kept.letters) <> (excluded.facts, excluded.letters);
        UPDATE core.counts SET counted_to = greatest(counted_to, counted) WHERE client_id = client;
    $$;

-- The version of a file that counts under its key is known as long as it counts, with its batches: another one may be put there however late.
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
                ORDER BY f.begun_at LIMIT at_most)
            RETURNING 1
        ), batches AS (
            DELETE FROM core.batches WHERE client_id = client AND id IN (
                SELECT b.id FROM core.batches b WHERE b.client_id = client AND b.begun_at < before AND b.finished_at < before
                    AND NOT EXISTS (SELECT FROM core.commits c WHERE c.client_id = client AND c.batch_id = b.id AND c.is_kept AND NOT c.is_undone)
                    AND b.id IS DISTINCT FROM (
                        SELECT o.id FROM core.batches o WHERE o.client_id = client AND o.entity = b.entity AND o.latest IS NOT NULL
                        ORDER BY o.latest DESC LIMIT 1)
                ORDER BY b.begun_at LIMIT at_most)
            RETURNING 1
        )
        SELECT (SELECT count(*) FROM letters) + (SELECT count(*) FROM files) + (SELECT count(*) FROM batches)
    $$;

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
            DELETE FROM core.commits WHERE committed_at < before AND (is_undone OR NOT is_kept);
        END
    $$;

-- Files under keys of no client, for those who run the system: the last thousand.
CREATE TABLE core.unplaced_files (
    key      text PRIMARY KEY,
    reason   text NOT NULL,
    seen_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX unplaced_files_by_time ON core.unplaced_files (seen_at DESC);
CREATE FUNCTION core.note_unplaced_file(file text, why text) RETURNS void
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
        INSERT INTO core.unplaced_files (key, reason) VALUES (file, why)
            ON CONFLICT (key) DO UPDATE SET reason = excluded.reason, seen_at = clock_timestamp();
        DELETE FROM core.unplaced_files WHERE key IN (SELECT u.key FROM core.unplaced_files u ORDER BY u.seen_at DESC OFFSET 1000);
    $$;
CREATE FUNCTION core.unplaced_files_seen(at_most bigint) RETURNS TABLE (key text, reason text, seen_at timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$ SELECT u.key, u.reason, u.seen_at FROM core.unplaced_files u ORDER BY u.seen_at DESC LIMIT at_most $$;
REVOKE ALL ON FUNCTION core.note_unplaced_file, core.unplaced_files_seen FROM PUBLIC;
GRANT EXECUTE ON FUNCTION core.note_unplaced_file, core.unplaced_files_seen TO analytics_app;

-- What follows is the migration runner's own bookkeeping, as the login.
RESET ROLE;
