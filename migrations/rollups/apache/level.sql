-- One level of a rollup on the Apache edition: rows that compact-rollups moved up, and a view that adds what it has not
-- moved yet, so that the relation is exact at every moment.
CREATE TABLE {{rows}} (
    client_id  uuid NOT NULL,
    bucket     timestamptz NOT NULL,
    {{dimensions}}
    facts      bigint NOT NULL,
    {{states}}
);
SELECT create_hypertable('{{rows}}', 'bucket', chunk_time_interval => interval '{{chunk}}', create_default_indexes => false);
CREATE INDEX ON {{rows}} (client_id, bucket);
GRANT SELECT, INSERT, DELETE ON {{rows}} TO analytics_app;
