-- Every change of a definition keeps what it is from then on, when that was, and who did it.
SET LOCAL ROLE analytics_owner;

-- Numbers of a code go on, whatever has it: what is defined anew under it begins after the last.
CREATE TABLE core.definition_versions (
    client_id   uuid NOT NULL REFERENCES core.clients,
    -- 'entity', 'kpi': what has a code of its own.
    kind        text NOT NULL,
    code        text NOT NULL,
    number      integer NOT NULL,
    change      text NOT NULL,
    changed_at  timestamptz NOT NULL,
    -- NULL: it was not a user, or that is not known. Users go, and what they did stays.
    changed_by  uuid,
    -- What the user was called at that time.
    email       text,
    -- Of a rename: the code that it had before, or has from then on. Of what a rename changed beside: the code of what was renamed.
    other_code  text,
    -- NULL: from then on nothing has the code.
    definition  jsonb,
    PRIMARY KEY (client_id, kind, code, number)
);
CREATE INDEX ended_definitions ON core.definition_versions (client_id, kind, changed_at) WHERE definition IS NULL;
DO $$
DECLARE
    stays text := '(SELECT NOT EXISTS (SELECT FROM core.residences r WHERE r.client_id = core.current_client() AND r.gone_to IS NOT NULL AND r.arriving IS NULL))';
BEGIN
    ALTER TABLE core.definition_versions ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
    CREATE POLICY own_client ON core.definition_versions TO analytics_app USING (client_id = core.current_client());
    CREATE POLICY owner ON core.definition_versions TO analytics_owner USING (true);
    EXECUTE format('CREATE POLICY adds_here ON core.definition_versions AS RESTRICTIVE FOR INSERT TO analytics_app WITH CHECK (%s)', stays);
END $$;
-- The application adds versions. It changes none, and takes none out but those that are more than are kept.
GRANT SELECT, INSERT ON core.definition_versions TO analytics_app;

-- Lets go of the versions of some codes beyond the last hundred, and of what has ended beyond the last thousand of its kind, with the versions before it.
CREATE FUNCTION core.forget_versions(client uuid, wanted text, codes text[]) RETURNS void
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
        WITH beyond AS (
            SELECT c.code, (SELECT v.number FROM core.definition_versions v WHERE v.client_id = client AND v.kind = wanted AND v.code = c.code
                ORDER BY v.number DESC OFFSET 100 LIMIT 1) AS number
            FROM unnest(codes) AS c (code)
            UNION ALL
            (SELECT v.code, v.number FROM core.definition_versions v WHERE v.client_id = client AND v.kind = wanted AND v.definition IS NULL
                ORDER BY v.changed_at DESC OFFSET 1000)
        )
        DELETE FROM core.definition_versions v USING beyond b
        WHERE v.client_id = client AND v.kind = wanted AND v.code = b.code AND v.number <= b.number
    $$;
REVOKE ALL ON FUNCTION core.forget_versions FROM PUBLIC;
GRANT EXECUTE ON FUNCTION core.forget_versions TO analytics_app;

-- What is there begins with the version that it has: nobody knows what those before were, and who made them.
INSERT INTO core.definition_versions (client_id, kind, code, number, change, changed_at, definition)
    SELECT client_id, 'entity', code, version, 'found', updated_at, definition FROM core.entities
    UNION ALL SELECT client_id, 'kpi', code, version, 'found', updated_at, definition FROM core.kpis;

-- What follows is the migration runner's own bookkeeping, as the login.
RESET ROLE;
