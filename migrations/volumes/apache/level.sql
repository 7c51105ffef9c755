-- One level of the rollups on the Apache edition: rows that compact-rollups moved up, and a view that adds what it has not moved yet, so that the
-- relation is exact at every moment.
CREATE TABLE {{rows}} (
    client_id    uuid NOT NULL,
    entity_id    integer NOT NULL,
    grouping_id  smallint NOT NULL,
    page         smallint NOT NULL,
    bucket       timestamptz NOT NULL,
    facts        bigint NOT NULL,
    dimensions   text[] NOT NULL,
    {{states}}
);
SELECT create_hypertable('{{rows}}', 'bucket', chunk_time_interval => interval '{{chunk}}', create_default_indexes => false);
CREATE INDEX ON {{rows}} (entity_id, grouping_id, bucket);{{by_dimension}}
GRANT SELECT, INSERT, DELETE ON {{rows}} TO analytics_app;

CREATE VIEW {{rollup}} AS
SELECT client_id, entity_id, grouping_id, page, bucket, dimensions, sum(facts)::bigint AS facts{{merges}}
FROM (
    SELECT client_id, entity_id, grouping_id, page, bucket, dimensions, facts{{state_names}} FROM {{rows}}
    UNION ALL
    SELECT client_id, entity_id, grouping_id, page, time_bucket('{{width}}', bucket), dimensions, facts{{state_names}} FROM {{partials}}
) AS all_rows
GROUP BY client_id, entity_id, grouping_id, page, bucket, dimensions;
GRANT SELECT ON {{rollup}} TO analytics_app;
