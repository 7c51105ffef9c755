-- One level of the rollups: a real-time continuous aggregate over the level below. What lies below its watermark and changed since its last refresh is
-- named in core.stale_ranges and read from the partials.
CREATE MATERIALIZED VIEW {{rollup}}
WITH (timescaledb.continuous, timescaledb.materialized_only = false, timescaledb.create_group_indexes = false) AS
SELECT client_id, entity_id, grouping_id, page, time_bucket('{{width}}', bucket) AS bucket, dimensions, sum(facts)::bigint AS facts{{merges}}
FROM {{below}}
GROUP BY client_id, entity_id, grouping_id, page, time_bucket('{{width}}', bucket), dimensions
WITH NO DATA;
CREATE INDEX ON {{rollup}} (entity_id, grouping_id, bucket);
GRANT SELECT ON {{rollup}} TO analytics_app;
-- compact-rollups refreshes what changed every minute; this policy is the net below it.
SELECT add_continuous_aggregate_policy('{{rollup}}', start_offset => interval '{{start_offset}}', end_offset => interval '{{width}}', schedule_interval => interval '1 hour');
ALTER MATERIALIZED VIEW {{rollup}} SET (timescaledb.compress = true, timescaledb.compress_segmentby = 'client_id, entity_id, grouping_id, page');
SELECT add_compression_policy('{{rollup}}', compress_after => interval '{{compress_after}}');
