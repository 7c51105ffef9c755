-- The facts of an entity: one row an event, by time. {{...}} is filled in by shared/database from the entity's definition.
CREATE SCHEMA IF NOT EXISTS {{schema}};
GRANT USAGE ON SCHEMA {{schema}} TO analytics_app;
CREATE TABLE {{facts}} (
    client_id  uuid NOT NULL,
    time       timestamptz NOT NULL{{columns}}
);
SELECT create_hypertable('{{facts}}', 'time', chunk_time_interval => interval '7 days', create_default_indexes => false);
CREATE INDEX ON {{facts}} (client_id, time);
GRANT SELECT, INSERT, DELETE ON {{facts}} TO analytics_app;
