-- Clients' definitions alone: entities live in volumes of one fixed shape, and what a client defines is rows, its own.
SET LOCAL ROLE analytics_owner;

-- Sets of tables, see migrations/volumes. Where a client's entities are placed is a row, too.
CREATE TABLE core.volumes (
    name        text PRIMARY KEY,
    -- The one client that it is for; NULL: for all who have none of their own.
    client_id   uuid REFERENCES core.clients,
    -- Whether new entities are placed in it.
    is_open     boolean NOT NULL DEFAULT true,
    created_at  timestamptz NOT NULL DEFAULT now()
);

-- Until an entity of an earlier version is brought over it can't be read: what comes for it waits in its queue. `layout` says which slot of the volume holds which attribute, and `generation` grows when an entity is moved or a grouping becomes readable. Both, and
-- the volume, are NULL until an entity of an earlier version has been brought over.
ALTER TABLE core.entities
    ADD COLUMN id integer GENERATED ALWAYS AS IDENTITY UNIQUE,
    ADD COLUMN volume text REFERENCES core.volumes,
    ADD COLUMN layout jsonb,
    ADD COLUMN generation integer NOT NULL DEFAULT 1,
    ALTER COLUMN schema_name DROP NOT NULL,
    ALTER COLUMN relation_name DROP NOT NULL,
    ADD UNIQUE (client_id, id);

-- The number of the last commit to each entity's facts. Writers of one entity take turns, so numbers are in the order of commits.
CREATE TABLE core.clocks (
    client_id  uuid NOT NULL,
    entity_id  integer PRIMARY KEY,
    last       bigint NOT NULL DEFAULT 0,
    -- No fact of the entity is before or after: what looks for facts by their keys looks no further. NULL while it has none.
    first_time  timestamptz,
    last_time   timestamptz,
    FOREIGN KEY (client_id, entity_id) REFERENCES core.entities (client_id, id) ON DELETE CASCADE
) WITH (fillfactor = 50);
INSERT INTO core.clocks (client_id, entity_id) SELECT client_id, id FROM core.entities;

-- When each number was, for 35 days: by it a time finds its number.
CREATE TABLE core.commits (
    client_id     uuid NOT NULL,
    entity_id     integer NOT NULL,
    batch_number  bigint NOT NULL,
    committed_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (entity_id, batch_number)
);
CREATE INDEX commits_by_time ON core.commits (committed_at);

-- The number of the last commit that wrote of a batch; a file's batches are those of its parts.
ALTER TABLE core.batches ADD COLUMN batch_number bigint;
GRANT UPDATE (batch_number) ON core.batches TO analytics_app;

-- Groupings that are being filled from the facts that were there before them: what is before `filled_to` is done. Nobody reads them meanwhile.
CREATE TABLE core.fillings (
    client_id    uuid NOT NULL,
    entity_id    integer NOT NULL,
    grouping_id  smallint NOT NULL,
    from_time    timestamptz NOT NULL,
    to_time      timestamptz NOT NULL,
    filled_to    timestamptz NOT NULL,
    began_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (entity_id, grouping_id),
    FOREIGN KEY (client_id, entity_id) REFERENCES core.entities (client_id, id) ON DELETE CASCADE
);

-- Groupings that are kept no longer, because a bucket of them had too many groups. Questions on them go to the facts.
CREATE TABLE core.stopped_groupings (
    client_id    uuid NOT NULL,
    entity_id    integer NOT NULL,
    grouping_id  smallint NOT NULL,
    groups       bigint NOT NULL,
    -- Batches still bring it for a moment, while somebody may be reading it.
    is_written   boolean NOT NULL DEFAULT true,
    stopped_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (entity_id, grouping_id),
    FOREIGN KEY (client_id, entity_id) REFERENCES core.entities (client_id, id) ON DELETE CASCADE
);

-- What entities left behind in a volume when they were moved to another one; cleared when nobody can be reading it any more.
CREATE TABLE core.leftovers (
    volume     text NOT NULL,
    client_id  uuid NOT NULL,
    entity_id  integer NOT NULL,
    left_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (volume, entity_id)
);

-- Ranges in which continuous aggregates lag (Community edition), by entity now. Those that there were belong to tables that are brought over.
DROP TABLE core.stale_ranges;
CREATE TABLE core.stale_ranges (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    volume     text NOT NULL,
    client_id  uuid NOT NULL,
    entity_id  integer NOT NULL,
    from_time  timestamptz NOT NULL,
    to_time    timestamptz NOT NULL
);
CREATE INDEX stale_ranges_by_client ON core.stale_ranges (client_id);

DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['clocks', 'commits', 'fillings', 'stopped_groupings', 'leftovers'] LOOP
        EXECUTE format('ALTER TABLE core.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY own_client ON core.%I TO analytics_app USING (client_id = core.current_client())', name);
        EXECUTE format('CREATE POLICY owner ON core.%I TO analytics_owner USING (true)', name);
    END LOOP;
END $$;
GRANT SELECT ON core.volumes TO analytics_app;
GRANT SELECT, INSERT, DELETE ON core.stale_ranges TO analytics_app;
GRANT SELECT, INSERT, UPDATE (filled_to), DELETE ON core.fillings TO analytics_app;
GRANT SELECT ON core.stopped_groupings TO analytics_app;
GRANT SELECT, INSERT, UPDATE (last, first_time, last_time) ON core.clocks TO analytics_app;
GRANT SELECT, INSERT ON core.commits TO analytics_app;
-- Definitions are rows, which the application writes as it writes others.
GRANT INSERT, UPDATE (definition, layout, version, generation, updated_at) ON core.entities TO analytics_app;
GRANT INSERT, UPDATE (definition, version, updated_at) ON core.kpis TO analytics_app;

DROP FUNCTION core.catalogs;
CREATE FUNCTION core.catalogs(wanted uuid[])
    RETURNS TABLE (client_id uuid, time_zone text, entities jsonb, kpis jsonb)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT c.id, c.time_zone,
            (SELECT coalesce(jsonb_agg(jsonb_build_object('definition', e.definition, 'version', e.version, 'id', e.id, 'volume', e.volume,
                'layout', e.layout, 'generation', e.generation,
                'filling', (SELECT coalesce(jsonb_agg(f.grouping_id), '[]') FROM core.fillings f WHERE f.entity_id = e.id),
                'stopped', (SELECT coalesce(jsonb_agg(s.grouping_id), '[]') FROM core.stopped_groupings s WHERE s.entity_id = e.id),
                'unwritten', (SELECT coalesce(jsonb_agg(s.grouping_id), '[]') FROM core.stopped_groupings s WHERE s.entity_id = e.id AND NOT s.is_written)) ORDER BY e.code), '[]')
                FROM core.entities e WHERE e.client_id = c.id),
            (SELECT coalesce(jsonb_agg(jsonb_build_object('definition', k.definition, 'version', k.version) ORDER BY k.code), '[]')
                FROM core.kpis k WHERE k.client_id = c.id)
        FROM core.clients c WHERE c.id = ANY (wanted)
    $$;
REVOKE ALL ON FUNCTION core.catalogs FROM PUBLIC;
GRANT EXECUTE ON FUNCTION core.catalogs TO analytics_app;

-- What is older than anybody may ask for is let go of, of all clients at once and by whole chunks: the one thing of upkeep that only an owner may do.
CREATE FUNCTION core.forget_history(before timestamptz) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    AS $$
        DECLARE relation regclass;
        BEGIN
            FOR relation IN
                SELECT to_regclass(format('%I.%I', v.name, t.name)) FROM core.volumes v CROSS JOIN (VALUES ('history'), ('replaced')) AS t (name)
            LOOP
                IF relation IS NOT NULL THEN PERFORM drop_chunks(relation, older_than => before); END IF;
            END LOOP;
            DELETE FROM core.commits WHERE committed_at < before;
        END
    $$;
REVOKE ALL ON FUNCTION core.forget_history FROM PUBLIC;

-- What follows is the migration runner's own bookkeeping, as the login.
RESET ROLE;
