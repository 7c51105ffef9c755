-- Entities can be deleted, and get another code. What was brought under a code says so by its name, and follows in steps; until it has, the code is nobody else's.
SET LOCAL ROLE analytics_owner;

-- Codes that entities had.
CREATE TABLE core.departed_codes (
    client_id      uuid NOT NULL REFERENCES core.clients,
    code           text NOT NULL,
    entity_id      integer NOT NULL,
    -- NULL: the entity was deleted.
    new_code       text,
    -- Of a deleted one: its dead letters stay, and can be replayed once the code is defined anew.
    keeps_letters  boolean NOT NULL DEFAULT false,
    -- What came later under the code is of no entity, or of another one.
    left_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- Where following is: which of the tables, and behind which identity.
    piece          smallint NOT NULL DEFAULT 0,
    position       uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    PRIMARY KEY (client_id, code)
);
DO $$
DECLARE
    stays text := '(SELECT NOT EXISTS (SELECT FROM core.residences r WHERE r.client_id = core.current_client() AND r.gone_to IS NOT NULL AND r.arriving IS NULL))';
BEGIN
    ALTER TABLE core.departed_codes ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
    CREATE POLICY own_client ON core.departed_codes TO analytics_app USING (client_id = core.current_client());
    CREATE POLICY owner ON core.departed_codes TO analytics_owner USING (true);
    EXECUTE format('CREATE POLICY adds_here ON core.departed_codes AS RESTRICTIVE FOR INSERT TO analytics_app WITH CHECK (%s)', stays);
    EXECUTE format('CREATE POLICY changes_here ON core.departed_codes AS RESTRICTIVE FOR UPDATE TO analytics_app USING (%s)', stays);
    EXECUTE format('CREATE POLICY removes_here ON core.departed_codes AS RESTRICTIVE FOR DELETE TO analytics_app USING (%s)', stays);
    EXECUTE format('CREATE POLICY removes_here ON core.entities AS RESTRICTIVE FOR DELETE TO analytics_app USING (%s)', stays);
END $$;
GRANT SELECT, INSERT, UPDATE (new_code, keeps_letters), DELETE ON core.departed_codes TO analytics_app;
GRANT UPDATE (code), DELETE ON core.entities TO analytics_app;
GRANT UPDATE (code) ON core.kpis TO analytics_app;
-- The upkeep clears what an entity leaves behind.
GRANT INSERT ON core.leftovers TO analytics_app;

-- Has some of what came under a code that an entity had follow it: so many rows of one table are looked at, in the order of their identities, however many
-- others there are. Whether all has followed.
CREATE FUNCTION core.follow_code(client uuid, gone text, at_most bigint) RETURNS boolean
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
        DECLARE
            departed core.departed_codes;
            looked_at text;
            last uuid;
            forgotten bigint := 0;
        BEGIN
            SELECT d.* INTO departed FROM core.departed_codes d WHERE d.client_id = client AND d.code = gone FOR UPDATE;
            IF NOT FOUND THEN RETURN true; END IF;
            looked_at := (ARRAY['dead_letters', 'batches', 'files'])[departed.piece + 1];
            IF looked_at IS NOT NULL THEN
                EXECUTE format('SELECT id FROM (SELECT id FROM core.%I WHERE client_id = $1 AND id > $2 ORDER BY id LIMIT $3) few ORDER BY id DESC LIMIT 1', looked_at)
                    INTO last USING client, departed.position, at_most;
                IF last IS NULL THEN
                    UPDATE core.departed_codes SET piece = piece + 1, position = '00000000-0000-0000-0000-000000000000' WHERE client_id = client AND code = gone;
                    RETURN false;
                END IF;
                IF departed.new_code IS NOT NULL THEN
                    EXECUTE format('UPDATE core.%I SET entity = $5 WHERE client_id = $1 AND id > $2 AND id <= $3 AND entity = $4', looked_at)
                        USING client, departed.position, last, gone, departed.new_code;
                ELSIF looked_at = 'dead_letters' AND NOT departed.keeps_letters THEN
                    DELETE FROM core.dead_letters l WHERE l.client_id = client AND l.id > departed.position AND l.id <= last AND l.entity = gone
                        AND l.received_at <= departed.left_at;
                ELSIF looked_at = 'batches' THEN
                    -- What is not there any more is not used.
                    WITH brought AS (
                        DELETE FROM core.batches b WHERE b.client_id = client AND b.id > departed.position AND b.id <= last AND b.entity = gone
                            AND b.begun_at <= departed.left_at
                        RETURNING b.begun_at, b.accepted - b.removed AS facts,
                            CASE WHEN b.undone_by IS NULL AND NOT departed.keeps_letters THEN b.rejected ELSE 0 END AS letters
                    ), hours AS (
                        SELECT date_trunc('hour', begun_at, 'UTC') AS hour, sum(facts)::bigint AS facts, sum(letters)::bigint AS letters FROM brought GROUP BY 1
                    )
                    UPDATE core.facts_of_hours h SET facts = greatest(h.facts - hours.facts, 0), letters = greatest(h.letters - hours.letters, 0)
                    FROM hours WHERE h.client_id = client AND h.hour = hours.hour;
                ELSIF looked_at = 'files' THEN
                    DELETE FROM core.files f WHERE f.client_id = client AND f.id > departed.position AND f.id <= last AND f.entity = gone
                        AND f.begun_at <= departed.left_at;
                END IF;
                UPDATE core.departed_codes SET position = last WHERE client_id = client AND code = gone;
                RETURN false;
            END IF;
            IF departed.new_code IS NULL THEN
                DELETE FROM core.commits WHERE entity_id = departed.entity_id AND batch_number IN (
                    SELECT c.batch_number FROM core.commits c WHERE c.entity_id = departed.entity_id ORDER BY c.batch_number LIMIT at_most);
                GET DIAGNOSTICS forgotten = ROW_COUNT;
            END IF;
            IF forgotten < at_most THEN
                DELETE FROM core.departed_codes WHERE client_id = client AND code = gone;
                RETURN true;
            END IF;
            RETURN false;
        END
    $$;
REVOKE ALL ON FUNCTION core.follow_code FROM PUBLIC;
GRANT EXECUTE ON FUNCTION core.follow_code TO analytics_app;

-- Has that follow a renamed entity at once on which others stand: the batch that tells how far its data have come, and files that are being loaded.
CREATE FUNCTION core.lead_code(client uuid, old text, new text) RETURNS void
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
        UPDATE core.batches SET entity = new WHERE client_id = client AND id = (
            SELECT b.id FROM core.batches b WHERE b.client_id = client AND b.entity = old AND b.latest IS NOT NULL ORDER BY b.latest DESC LIMIT 1);
        UPDATE core.files SET entity = new WHERE client_id = client AND entity = old AND state IN ('writing', 'replacing', 'undoing');
    $$;
REVOKE ALL ON FUNCTION core.lead_code FROM PUBLIC;
GRANT EXECUTE ON FUNCTION core.lead_code TO analytics_app;

-- What follows is the migration runner's own bookkeeping, as the login.
RESET ROLE;
