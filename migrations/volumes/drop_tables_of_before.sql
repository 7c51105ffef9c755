-- Tables, views and continuous aggregates that entities generated before there were volumes. Their schemas go too, unless somebody else has put something there.
DO $$
DECLARE
    schemas text[] := (SELECT array_agg(DISTINCT schema_name) FROM core.relations);
    relation regclass;
    name text;
    others text := (
        SELECT string_agg(DISTINCT v.oid::regclass::text, ', ')
        FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid JOIN pg_class v ON v.oid = r.ev_class
        JOIN pg_class t ON t.oid = d.refobjid JOIN pg_namespace n ON n.oid = t.relnamespace
        WHERE d.refclassid = 'pg_class'::regclass AND n.nspname = ANY (schemas) AND v.relowner <> 'analytics_owner'::regrole
    );
BEGIN
    IF others IS NOT NULL THEN
        RAISE EXCEPTION 'these views stand on tables that go with this version: %. Drop them, migrate, and make them anew over the tables of volume_1', others;
    END IF;
    IF current_setting('timescaledb.license', true) = 'timescale' THEN
        FOR name IN
            EXECUTE 'SELECT format(''%I.%I'', view_schema, view_name) FROM timescaledb_information.continuous_aggregates WHERE view_schema = ANY ($1)'
            USING schemas
        LOOP
            EXECUTE format('DROP MATERIALIZED VIEW IF EXISTS %s CASCADE', name);
        END LOOP;
    END IF;
    FOREACH name IN ARRAY ARRAY['v', 'r'] LOOP
        FOR relation IN
            SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname = ANY (schemas) AND c.relkind = name::"char" AND c.relowner = 'analytics_owner'::regrole
        LOOP
            -- One that another one took along is gone.
            CONTINUE WHEN NOT EXISTS (SELECT FROM pg_class WHERE oid = relation);
            IF name = 'v' THEN
                EXECUTE format('DROP VIEW IF EXISTS %s CASCADE', relation);
            ELSE
                EXECUTE format('DROP TABLE IF EXISTS %s CASCADE', relation);
            END IF;
        END LOOP;
    END LOOP;
    FOREACH name IN ARRAY coalesce(schemas, '{}') LOOP
        BEGIN
            EXECUTE format('DROP SCHEMA IF EXISTS %I', name);
        EXCEPTION WHEN dependent_objects_still_exist THEN
            RAISE NOTICE 'schema % stays: it is not empty', name;
        END;
    END LOOP;
    ALTER TABLE core.entities DROP COLUMN schema_name, DROP COLUMN relation_name;
    ALTER TABLE core.entities ALTER COLUMN volume SET NOT NULL, ALTER COLUMN layout SET NOT NULL;
    DROP TABLE core.relations;
END $$;
