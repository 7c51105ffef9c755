,
{{level}}_touched AS (
    SELECT DISTINCT entity_id, grouping_id, time_bucket('1 {{level}}', bucket) AS bucket FROM moved
), {{level}}_before AS (
    DELETE FROM {{rows}} AS kept USING {{level}}_touched AS touched
    WHERE kept.client_id = $3 AND kept.entity_id = touched.entity_id AND kept.grouping_id = touched.grouping_id
        AND kept.bucket = touched.bucket AND kept.bucket >= time_bucket('1 {{level}}', $1::timestamptz) AND kept.bucket < $2
    RETURNING kept.*
), {{level}}_after AS (
    INSERT INTO {{rows}} (client_id, entity_id, grouping_id, page, bucket, dimensions, facts{{state_names}})
    SELECT $3, entity_id, grouping_id, page, bucket, dimensions, sum(facts){{merges}}
    FROM (
        SELECT entity_id, grouping_id, page, time_bucket('1 {{level}}', bucket) AS bucket, dimensions, facts{{state_names}} FROM moved
        UNION ALL
        SELECT entity_id, grouping_id, page, bucket, dimensions, facts{{state_names}} FROM {{level}}_before
    ) AS both_parts
    GROUP BY entity_id, grouping_id, page, bucket, dimensions
)
