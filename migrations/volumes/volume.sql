-- A volume: one set of tables that many clients' entities share. Every volume has this shape, and no definition changes it: which slot holds which
-- attribute is written in the layout of each entity. Nothing is required but what every row has. What is in braces is filled in by shared/facts.
CREATE SCHEMA {{volume}};
GRANT USAGE ON SCHEMA {{volume}} TO analytics_app;

-- Facts: one row an event. An identity of an entity is one client's alone, so indexes begin with it.
CREATE TABLE {{facts}} (
    client_id     uuid NOT NULL,
    entity_id     integer NOT NULL,
    time          timestamptz NOT NULL,
    batch_number  bigint NOT NULL,
    key           uuid,
    {{slots}},
    -- What an entity has beyond the slots, by slot, as text.
    more          jsonb
);
SELECT create_hypertable('{{facts}}', 'time', chunk_time_interval => interval '7 days', create_default_indexes => false);
CREATE INDEX ON {{facts}} (entity_id, time);
CREATE INDEX ON {{facts}} (entity_id, key) WHERE key IS NOT NULL;

-- Facts that later ones with their key replaced, until nobody asks any more what was known then. By the time of the replacement.
CREATE TABLE {{replaced}} (
    LIKE {{facts}},
    replaced_by  bigint NOT NULL,
    replaced_at  timestamptz NOT NULL
);
SELECT create_hypertable('{{replaced}}', 'replaced_at', chunk_time_interval => interval '7 days', create_default_indexes => false);
CREATE INDEX ON {{replaced}} (entity_id, replaced_by);
CREATE INDEX ON {{replaced}} (entity_id, key) WHERE key IS NOT NULL;
CREATE INDEX ON {{replaced}} (entity_id, batch_number) WHERE key IS NOT NULL;

-- Partials: one row per batch, grouping, bucket, group and page of numeric attributes, appended with the facts and merged on read.
CREATE TABLE {{partials}} (
    client_id     uuid NOT NULL,
    entity_id     integer NOT NULL,
    grouping_id   smallint NOT NULL,
    page          smallint NOT NULL,
    bucket        timestamptz NOT NULL,
    batch_number  bigint NOT NULL,
    facts         bigint NOT NULL,
    dimensions    text[] NOT NULL,
    {{states}}
);
SELECT create_hypertable('{{partials}}', 'bucket', chunk_time_interval => interval '30 days', create_default_indexes => false);
CREATE INDEX ON {{partials}} (entity_id, grouping_id, bucket);
GRANT SELECT, INSERT, DELETE ON {{facts}}, {{replaced}}, {{partials}} TO analytics_app;
