CREATE VIEW {{rollup}} AS
SELECT client_id, bucket, {{dimension_names}} sum(facts)::bigint AS facts{{merges}}
FROM (
    SELECT client_id, bucket, {{dimension_names}} facts{{state_names}} FROM {{rows}}
    UNION ALL
    SELECT client_id, time_bucket('1 {{level}}', bucket), {{dimension_names}} facts{{state_names}} FROM {{partials}}
) AS all_rows
GROUP BY {{group}};
GRANT SELECT ON {{rollup}} TO analytics_app;
