,
{{level}}_moved AS (
    SELECT moved.* FROM moved JOIN groupings USING (entity_id, grouping_id) WHERE groupings.finest IN ({{finest}})
), {{level}}_touched AS (
    SELECT DISTINCT client_id, entity_id, grouping_id, time_bucket('{{width}}', bucket) AS bucket FROM {{level}}_moved
), {{level}}_before AS (
    DELETE FROM {{rows}} AS kept USING {{level}}_touched AS touched
    WHERE kept.client_id = touched.client_id AND kept.entity_id = touched.entity_id AND kept.grouping_id = touched.grouping_id
        AND kept.bucket = touched.bucket AND kept.bucket >= time_bucket('{{width}}', $1::timestamptz) AND kept.bucket < $2
    RETURNING kept.*
), {{level}}_after AS (
    INSERT INTO {{rows}} (client_id, entity_id, grouping_id, page, bucket, dimensions, facts{{state_names}})
    SELECT client_id, entity_id, grouping_id, page, bucket, dimensions, sum(facts){{merges}}
    FROM (
        SELECT client_id, entity_id, grouping_id, page, time_bucket('{{width}}', bucket) AS bucket, dimensions, facts{{state_names}} FROM {{level}}_moved
        UNION ALL
        SELECT client_id, entity_id, grouping_id, page, bucket, dimensions, facts{{state_names}} FROM {{level}}_before
    ) AS both_parts
    GROUP BY client_id, entity_id, grouping_id, page, bucket, dimensions
    RETURNING client_id, entity_id, grouping_id, page, bucket
)
