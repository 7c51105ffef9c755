-- Rows of hours and days that were moved up (Apache edition) are found by the value of any of their dimensions: a question of one airport read the rows of all. An
-- entry has a hash in place of the text, which may be longer than an index takes. Volumes that are added have them so.
SET LOCAL ROLE analytics_owner;

DO $$
DECLARE
    name text;
    relation text;
    place integer;
BEGIN
    FOR name IN SELECT v.name FROM core.volumes v LOOP
        FOREACH relation IN ARRAY ARRAY['hour_rows', 'day_rows'] LOOP
            IF to_regclass(format('%I.%I', name, relation)) IS NOT NULL THEN
                -- As many as a grouping has dimensions at most.
                FOR place IN 1..8 LOOP
                    EXECUTE format('CREATE INDEX ON %1$I.%2$I (entity_id, grouping_id, hashtext(dimensions[%3$s]), bucket) WHERE dimensions[%3$s] IS NOT NULL',
                        name, relation, place);
                END LOOP;
            END IF;
        END LOOP;
    END LOOP;
END $$;

-- The same of sketches of days. Those of hours, of which there are many more, are asked of shorter times: they stay with one index that has all hashes.
DO $$
BEGIN
    FOR place IN 1..8 LOOP
        EXECUTE format($sql$CREATE INDEX sketches_of_days_%1$s ON core.sketches (entity_id, grouping_id, slot, kind, hashtext(dimensions[%1$s]), bucket)
            WHERE level = 'day' AND dimensions[%1$s] IS NOT NULL$sql$, place);
    END LOOP;
END $$;

-- What follows is the migration runner's own bookkeeping, as the login.
RESET ROLE;
