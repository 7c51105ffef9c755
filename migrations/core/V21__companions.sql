-- Relationships between entities, actors, and patterns of value chains: definitions that stand beside entities and KPIs, and name them.
SET LOCAL ROLE analytics_owner;

DO $$
DECLARE
    stays text := '(SELECT NOT EXISTS (SELECT FROM core.residences r WHERE r.client_id = core.current_client() AND r.gone_to IS NOT NULL AND r.arriving IS NULL))';
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['relationships', 'actors', 'value_chain_patterns'] LOOP
        EXECUTE format('CREATE TABLE core.%I (
            client_id   uuid NOT NULL REFERENCES core.clients,
            code        text NOT NULL,
            definition  jsonb NOT NULL,
            version     integer NOT NULL DEFAULT 1,
            updated_at  timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (client_id, code))', name);
        EXECUTE format('ALTER TABLE core.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY own_client ON core.%I TO analytics_app USING (client_id = core.current_client())', name);
        EXECUTE format('CREATE POLICY owner ON core.%I TO analytics_owner USING (true)', name);
        EXECUTE format('CREATE POLICY adds_here ON core.%I AS RESTRICTIVE FOR INSERT TO analytics_app WITH CHECK (%s)', name, stays);
        EXECUTE format('CREATE POLICY changes_here ON core.%I AS RESTRICTIVE FOR UPDATE TO analytics_app USING (%s)', name, stays);
        EXECUTE format('CREATE POLICY removes_here ON core.%I AS RESTRICTIVE FOR DELETE TO analytics_app USING (%s)', name, stays);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE (definition, version, updated_at), DELETE ON core.%I TO analytics_app', name);
    END LOOP;
END $$;

-- Of many clients at once, as their definitions are read.
CREATE FUNCTION core.companions(wanted uuid[])
    RETURNS TABLE (client_id uuid, relationships jsonb, actors jsonb, value_chain_patterns jsonb)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT c.id,
            (SELECT coalesce(jsonb_agg(jsonb_build_object('definition', r.definition, 'version', r.version) ORDER BY r.code), '[]')
                FROM core.relationships r WHERE r.client_id = c.id),
            (SELECT coalesce(jsonb_agg(jsonb_build_object('definition', a.definition, 'version', a.version) ORDER BY a.code), '[]')
                FROM core.actors a WHERE a.client_id = c.id),
            (SELECT coalesce(jsonb_agg(jsonb_build_object('definition', p.definition, 'version', p.version) ORDER BY p.code), '[]')
                FROM core.value_chain_patterns p WHERE p.client_id = c.id)
        FROM core.clients c WHERE c.id = ANY (wanted)
    $$;
REVOKE ALL ON FUNCTION core.companions FROM PUBLIC;
GRANT EXECUTE ON FUNCTION core.companions TO analytics_app;

-- What follows is the migration runner's own bookkeeping, as the login.
RESET ROLE;
