-- Sketches: states of attributes that merge exactly, from which percentiles and numbers of different values are answered within a bound.
SET LOCAL ROLE analytics_owner;

-- Those of the facts of an hour, or of a day, of UTC, one for each group. Of an hour there may be several, which batches brought one by one; the long work makes one
-- of them, and those of days. An entity keeps its identity wherever its facts are, so they stay where they are when it moves between volumes.
CREATE TABLE core.sketches (
    client_id    uuid NOT NULL,
    entity_id    integer NOT NULL,
    grouping_id  smallint NOT NULL,
    -- The slot of the attribute in the entity's layout, and what the sketch tells.
    slot         text NOT NULL,
    kind         text NOT NULL,
    level        text NOT NULL,
    bucket       timestamptz NOT NULL,
    dimensions   text[] NOT NULL,
    sketch       bytea NOT NULL,
    FOREIGN KEY (client_id, entity_id) REFERENCES core.entities (client_id, id) ON DELETE CASCADE
);
CREATE INDEX sketches_of_question ON core.sketches (entity_id, grouping_id, slot, kind, level, bucket);
CREATE INDEX sketches_by_bucket ON core.sketches (entity_id, bucket);
-- They are packed already.
ALTER TABLE core.sketches ALTER COLUMN sketch SET STORAGE EXTERNAL;

-- Hours whose sketches are to be made of the facts anew, each as whole hours.
CREATE TABLE core.unsketched (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    client_id   uuid NOT NULL,
    entity_id   integer NOT NULL,
    from_time   timestamptz NOT NULL,
    to_time     timestamptz NOT NULL,
    -- Whether sketches say all that facts do: batches brought them along, one by one. Else these hours are read from the facts.
    is_written  boolean NOT NULL,
    -- Whether there are sketches of some of the facts only, because they were declared just now: none is read meanwhile.
    is_filling  boolean NOT NULL DEFAULT false,
    noted_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    tried_at    timestamptz,
    failures    integer NOT NULL DEFAULT 0,
    reason      text,
    FOREIGN KEY (client_id, entity_id) REFERENCES core.entities (client_id, id) ON DELETE CASCADE
);
CREATE INDEX unsketched_by_entity ON core.unsketched (entity_id, from_time);

DO $$
DECLARE
    name text;
    stays text := '(SELECT NOT EXISTS (SELECT FROM core.residences r WHERE r.client_id = core.current_client() AND r.gone_to IS NOT NULL AND r.arriving IS NULL))';
BEGIN
    FOREACH name IN ARRAY ARRAY['sketches', 'unsketched'] LOOP
        EXECUTE format('ALTER TABLE core.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY own_client ON core.%I TO analytics_app USING (client_id = core.current_client())', name);
        EXECUTE format('CREATE POLICY owner ON core.%I TO analytics_owner USING (true)', name);
        EXECUTE format('CREATE POLICY adds_here ON core.%I AS RESTRICTIVE FOR INSERT TO analytics_app WITH CHECK (%s)', name, stays);
    END LOOP;
END $$;
GRANT SELECT, INSERT, DELETE ON core.sketches TO analytics_app;
GRANT SELECT, INSERT, DELETE, UPDATE (from_time, tried_at, failures, reason) ON core.unsketched TO analytics_app;

-- The hours that are read from the facts, for questions of several clients at once and each client's times: none twice.
CREATE FUNCTION core.unsketched_within(clients uuid[], from_times timestamptz[], to_times timestamptz[])
    RETURNS TABLE (client_id uuid, entity_id integer, from_time timestamptz, to_time timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT hours.client_id, hours.entity_id, lower(hours.range), upper(hours.range) FROM (
            SELECT e.client_id, u.entity_id, unnest(range_agg(tstzrange(u.from_time, u.to_time))) AS range
            FROM unnest(clients, from_times, to_times) AS wanted (client_id, from_time, to_time)
            JOIN core.entities e ON e.client_id = wanted.client_id
            JOIN core.unsketched u ON u.entity_id = e.id AND u.to_time > wanted.from_time AND u.from_time < wanted.to_time AND NOT u.is_written
            GROUP BY e.client_id, u.entity_id
        ) AS hours
    $$;
REVOKE ALL ON FUNCTION core.unsketched_within FROM PUBLIC;
GRANT EXECUTE ON FUNCTION core.unsketched_within TO analytics_app;

-- The sketches of one kind of some clients' entities, but for the hours that are read from the facts: by hour, or by day with the hours of those days in which
-- something is to be made anew.
CREATE FUNCTION core.sketches_within(clients uuid[], entities integer[], its_grouping smallint, its_slot text, its_kind text, by_day boolean, begins timestamptz, ends timestamptz)
    RETURNS TABLE (client_id uuid, bucket timestamptz, dimensions text[], sketch bytea)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
        WITH noted AS MATERIALIZED (
            SELECT u.entity_id, u.from_time, u.to_time, u.is_written FROM core.unsketched u
            WHERE u.client_id = ANY (clients) AND u.entity_id = ANY (entities) AND u.to_time > begins AND u.from_time < ends
        ), days AS MATERIALIZED (
            SELECT DISTINCT n.entity_id, day FROM noted n
            CROSS JOIN generate_series(date_trunc('day', greatest(n.from_time, begins), 'UTC'), least(n.to_time, ends) - interval '1 microsecond', interval '24 hours') AS day
            WHERE by_day
        )
        SELECT s.client_id, s.bucket, s.dimensions, s.sketch FROM core.sketches s
        WHERE s.client_id = ANY (clients) AND s.entity_id = ANY (entities) AND s.grouping_id = its_grouping AND s.slot = its_slot AND s.kind = its_kind
            AND s.level = CASE WHEN by_day THEN 'day' ELSE 'hour' END AND s.bucket >= begins AND s.bucket < ends
            AND NOT EXISTS (SELECT FROM days d WHERE d.entity_id = s.entity_id AND d.day = s.bucket)
            AND (by_day OR NOT EXISTS (SELECT FROM noted n WHERE NOT n.is_written AND n.entity_id = s.entity_id AND s.bucket >= n.from_time AND s.bucket < n.to_time))
        UNION ALL
        SELECT s.client_id, s.bucket, s.dimensions, s.sketch FROM days d
        JOIN core.sketches s ON s.entity_id = d.entity_id AND s.bucket >= d.day AND s.bucket < d.day + interval '24 hours'
        WHERE s.client_id = ANY (clients) AND s.grouping_id = its_grouping AND s.slot = its_slot AND s.kind = its_kind AND s.level = 'hour'
            AND NOT EXISTS (SELECT FROM noted n WHERE NOT n.is_written AND n.entity_id = s.entity_id AND s.bucket >= n.from_time AND s.bucket < n.to_time)
    $$;
REVOKE ALL ON FUNCTION core.sketches_within FROM PUBLIC;
GRANT EXECUTE ON FUNCTION core.sketches_within TO analytics_app;

-- Definitions say of each entity whether its sketches are whole.
CREATE OR REPLACE FUNCTION core.catalogs(wanted uuid[])
    RETURNS TABLE (client_id uuid, time_zone text, entities jsonb, kpis jsonb)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT c.id, c.time_zone,
            (SELECT coalesce(jsonb_agg(jsonb_build_object('definition', e.definition, 'version', e.version, 'id', e.id, 'volume', e.volume,
                'layout', e.layout, 'generation', e.generation,
                'filling', (SELECT coalesce(jsonb_agg(f.grouping_id), '[]') FROM core.fillings f WHERE f.entity_id = e.id),
                'stopped', (SELECT coalesce(jsonb_agg(s.grouping_id), '[]') FROM core.stopped_groupings s WHERE s.entity_id = e.id),
                'unwritten', (SELECT coalesce(jsonb_agg(s.grouping_id), '[]') FROM core.stopped_groupings s WHERE s.entity_id = e.id AND NOT s.is_written),
                'sketching', EXISTS (SELECT FROM core.unsketched u WHERE u.entity_id = e.id AND u.is_filling)) ORDER BY e.code), '[]')
                FROM core.entities e WHERE e.client_id = c.id),
            (SELECT coalesce(jsonb_agg(jsonb_build_object('definition', k.definition, 'version', k.version) ORDER BY k.code), '[]')
                FROM core.kpis k WHERE k.client_id = c.id)
        FROM core.clients c WHERE c.id = ANY (wanted)
    $$;

-- What follows is the migration runner's own bookkeeping, as the login.
RESET ROLE;
