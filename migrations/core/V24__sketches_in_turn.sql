-- Sketches are found by the dimensions that are asked for, made anew hour by hour in turn, and cleared a part at a time.
SET LOCAL ROLE analytics_owner;

-- Filters are on few of a grouping's dimensions: an entry has a hash of each, so that those of other groups are passed over without their rows, and none is longer
-- than an index takes, however long texts are. There are as many as a grouping has dimensions at most.
CREATE INDEX sketches_of_groups ON core.sketches (entity_id, grouping_id, slot, kind, level, bucket,
    hashtext(dimensions[1]), hashtext(dimensions[2]), hashtext(dimensions[3]), hashtext(dimensions[4]),
    hashtext(dimensions[5]), hashtext(dimensions[6]), hashtext(dimensions[7]), hashtext(dimensions[8]));
DROP INDEX core.sketches_of_question;
-- How many hashes there are decides whether the index is taken.
ANALYZE core.sketches;

-- What is left of an entity that goes is cleared by the upkeep, as its facts are: no statement deletes all of it.
ALTER TABLE core.sketches DROP CONSTRAINT sketches_client_id_entity_id_fkey;

-- The sketches of one kind of some clients' entities, but for the hours that are read from the facts: by hour, or by day with the hours of those days in which
-- something is to be made anew. Of dimensions that are named by their positions only those with one of the texts beside. The statement is planned for what is asked:
-- a condition that may be none finds no index.
CREATE FUNCTION core.sketches_within(clients uuid[], entities integer[], its_grouping smallint, its_slot text, its_kind text, by_day boolean, begins timestamptz, ends timestamptz,
        positions integer[], texts text[])
    RETURNS TABLE (client_id uuid, bucket timestamptz, dimensions text[], sketch bytea)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $function$
    DECLARE
        asked text;
        level text := CASE WHEN by_day THEN 'day' ELSE 'hour' END;
    BEGIN
        SELECT 's.client_id = ANY ($1) AND s.entity_id = ANY ($2) AND s.grouping_id = $3 AND s.slot = $4 AND s.kind = $5' || coalesce(string_agg(format(
                ' AND hashtext(s.dimensions[%1$s]) = ANY (%2$L::integer[]) AND s.dimensions[%1$s] = ANY (%3$L::text[])', w.position, w.hashes, w.texts), ''), '')
            INTO asked FROM (
                SELECT u.position, array_agg(hashtext(u.text)) AS hashes, array_agg(u.text) AS texts FROM unnest(positions, texts) AS u (position, text) GROUP BY u.position
            ) AS w;
        IF NOT EXISTS (
            SELECT FROM core.unsketched u WHERE u.client_id = ANY (clients) AND u.entity_id = ANY (entities) AND u.to_time > begins AND u.from_time < ends
        ) THEN
            RETURN QUERY EXECUTE format('SELECT s.client_id, s.bucket, s.dimensions, s.sketch FROM core.sketches s
                WHERE %s AND s.level = %L AND s.bucket >= $6 AND s.bucket < $7', asked, level)
                USING clients, entities, its_grouping, its_slot, its_kind, begins, ends;
            RETURN;
        END IF;
        RETURN QUERY EXECUTE format($sql$
            WITH noted AS MATERIALIZED (
                SELECT u.entity_id, u.from_time, u.to_time, u.is_written FROM core.unsketched u
                WHERE u.client_id = ANY ($1) AND u.entity_id = ANY ($2) AND u.to_time > $6 AND u.from_time < $7
            ), days AS MATERIALIZED (
                SELECT DISTINCT n.entity_id, day FROM noted n
                CROSS JOIN generate_series(date_trunc('day', greatest(n.from_time, $6), 'UTC'), least(n.to_time, $7) - interval '1 microsecond', interval '24 hours') AS day
                WHERE $8
            )
            SELECT s.client_id, s.bucket, s.dimensions, s.sketch FROM core.sketches s
            WHERE %1$s AND s.level = %2$L AND s.bucket >= $6 AND s.bucket < $7
                AND NOT EXISTS (SELECT FROM days d WHERE d.entity_id = s.entity_id AND d.day = s.bucket)
                AND ($8 OR NOT EXISTS (SELECT FROM noted n WHERE NOT n.is_written AND n.entity_id = s.entity_id AND s.bucket >= n.from_time AND s.bucket < n.to_time))
            UNION ALL
            SELECT s.client_id, s.bucket, s.dimensions, s.sketch FROM days d
            JOIN core.sketches s ON s.entity_id = d.entity_id AND s.bucket >= d.day AND s.bucket < d.day + interval '24 hours'
            WHERE %1$s AND s.level = 'hour'
                AND NOT EXISTS (SELECT FROM noted n WHERE NOT n.is_written AND n.entity_id = s.entity_id AND s.bucket >= n.from_time AND s.bucket < n.to_time)
            $sql$, asked, level)
            USING clients, entities, its_grouping, its_slot, its_kind, begins, ends, by_day;
    END
    $function$;
REVOKE ALL ON FUNCTION core.sketches_within(uuid[], integer[], smallint, text, text, boolean, timestamptz, timestamptz, integer[], text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION core.sketches_within(uuid[], integer[], smallint, text, text, boolean, timestamptz, timestamptz, integer[], text[]) TO analytics_app;

-- Entities of which hours can't be made anew, how often the worst was tried, and why: for those who run the system, who see no client.
CREATE FUNCTION core.failing_sketches() RETURNS TABLE (entities bigint, hours bigint, failures integer, reasons text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT count(DISTINCT entity_id), count(*), coalesce(max(failures), 0), coalesce(string_agg(DISTINCT reason, ', '), '') FROM core.unsketched WHERE failures > 0
    $$;
REVOKE ALL ON FUNCTION core.failing_sketches FROM PUBLIC;
GRANT EXECUTE ON FUNCTION core.failing_sketches TO analytics_app;

-- What follows is the migration runner's own bookkeeping, as the login.
RESET ROLE;
