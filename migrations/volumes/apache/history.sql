-- Partials that compact-rollups moved up, until nobody asks any more what was known then. By the time of the move.
CREATE TABLE {{history}} (
    LIKE {{partials}},
    moved_at  timestamptz NOT NULL
);
SELECT create_hypertable('{{history}}', 'moved_at', chunk_time_interval => interval '7 days', create_default_indexes => false);
CREATE INDEX ON {{history}} (entity_id, grouping_id, bucket);
GRANT SELECT, INSERT, DELETE ON {{history}} TO analytics_app;
