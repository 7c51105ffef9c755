-- The partials of a grouping: one row per batch, bucket and group, appended with the facts and merged on read.
CREATE TABLE {{partials}} (
    client_id  uuid NOT NULL,
    bucket     timestamptz NOT NULL,
    {{dimensions}}
    facts      bigint NOT NULL,
    {{states}}
);
SELECT create_hypertable('{{partials}}', 'bucket', chunk_time_interval => interval '30 days', create_default_indexes => false);
CREATE INDEX ON {{partials}} (client_id, bucket);
GRANT SELECT, INSERT, DELETE ON {{partials}} TO analytics_app;
