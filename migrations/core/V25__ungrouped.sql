-- Questions that were answered from the facts because no grouping has what they need, by what that is: what groupings would help is told from it.
SET LOCAL ROLE analytics_owner;

CREATE TABLE core.ungrouped (
    client_id   uuid NOT NULL,
    entity_id   integer NOT NULL,
    -- Names of the dimensions that were needed, in order, and the length of the buckets.
    dimensions  text[] NOT NULL,
    level       text NOT NULL,
    questions   bigint NOT NULL DEFAULT 1,
    first_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (entity_id, dimensions, level),
    FOREIGN KEY (client_id, entity_id) REFERENCES core.entities (client_id, id) ON DELETE CASCADE
);

ALTER TABLE core.ungrouped ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own_client ON core.ungrouped TO analytics_app USING (client_id = core.current_client());
CREATE POLICY owner ON core.ungrouped TO analytics_owner USING (true);
GRANT SELECT, INSERT, DELETE, UPDATE (questions, last_at) ON core.ungrouped TO analytics_app;

-- What follows is the migration runner's own bookkeeping, as the login.
RESET ROLE;
