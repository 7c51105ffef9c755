-- Long work that goes in steps, and who may see and do what: progress of fillings in facts, moves between volumes, groupings that come back.

-- The role of the one function that issues licences. It can't touch anything else, and nothing else can take it.
DO $$ BEGIN CREATE ROLE analytics_licences NOLOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
DO $$ BEGIN EXECUTE format('GRANT analytics_licences TO %I', current_user); END $$;
GRANT USAGE ON SCHEMA core TO analytics_licences;
SET LOCAL ROLE analytics_owner;

-- How far a filling is, in facts. They are counted in steps before it begins; `counted_to` is NULL once they are.
ALTER TABLE core.fillings
    ADD COLUMN facts bigint NOT NULL DEFAULT 0,
    ADD COLUMN counted_to timestamptz,
    ADD COLUMN filled bigint NOT NULL DEFAULT 0;

-- Entities that are being moved to another volume. Until the move ends, all that is there of them is nobody's.
CREATE TABLE core.moves (
    client_id    uuid NOT NULL,
    entity_id    integer PRIMARY KEY,
    from_volume  text NOT NULL REFERENCES core.volumes,
    to_volume    text NOT NULL REFERENCES core.volumes,
    -- The commit up to which the copy is: what came later is named in core.moved_ranges.
    number       bigint NOT NULL,
    -- Where copying is: which of the tables, which grouping of it, and from which time or number on.
    piece        integer NOT NULL DEFAULT 0,
    grouping_id  smallint NOT NULL DEFAULT 0,
    position     bigint,
    -- How often what came meanwhile was copied.
    rounds       integer NOT NULL DEFAULT 0,
    facts        bigint NOT NULL DEFAULT 0,
    -- NULL once they are counted.
    counted_to   timestamptz,
    copied       bigint NOT NULL DEFAULT 0,
    began_at     timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (client_id, entity_id) REFERENCES core.entities (client_id, id) ON DELETE CASCADE
);

-- What each commit touched of an entity that is being moved.
CREATE TABLE core.moved_ranges (
    client_id     uuid NOT NULL,
    entity_id     integer NOT NULL,
    batch_number  bigint NOT NULL,
    from_time     timestamptz NOT NULL,
    to_time       timestamptz NOT NULL,
    -- Facts of the whole commit.
    facts         bigint NOT NULL
);
CREATE INDEX moved_ranges_by_number ON core.moved_ranges (entity_id, batch_number);

-- Rows of a grouping that is kept no longer are cleared once nobody can be reading them.
ALTER TABLE core.stopped_groupings ADD COLUMN is_cleared boolean NOT NULL DEFAULT false;

DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['moves', 'moved_ranges', 'stale_ranges'] LOOP
        EXECUTE format('ALTER TABLE core.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY own_client ON core.%I TO analytics_app USING (client_id = core.current_client())', name);
        EXECUTE format('CREATE POLICY owner ON core.%I TO analytics_owner USING (true)', name);
    END LOOP;
END $$;
GRANT SELECT ON core.moves TO analytics_app;
GRANT INSERT ON core.moved_ranges TO analytics_app;
-- Refreshing, and forgetting what was refreshed, is the owner's.
REVOKE DELETE ON core.stale_ranges FROM analytics_app;
-- A client that gives a stopped grouping up has its rows cleared.
GRANT UPDATE (is_written) ON core.stopped_groupings TO analytics_app;

-- How full a volume is, is asked every minute.
CREATE INDEX entities_by_volume ON core.entities (volume);

-- Volumes of others are nothing that a client can see.
ALTER TABLE core.volumes ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own_or_shared ON core.volumes TO analytics_app USING (client_id IS NULL OR client_id = core.current_client());
CREATE POLICY owner ON core.volumes TO analytics_owner USING (true);

-- Where rollups lag, for questions of several clients at once: a tick asks for many.
CREATE FUNCTION core.stale_ranges_of(wanted uuid[])
    RETURNS TABLE (volume text, client_id uuid, entity_id integer, from_time timestamptz, to_time timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT DISTINCT s.volume, s.client_id, s.entity_id, s.from_time, s.to_time FROM core.stale_ranges s WHERE s.client_id = ANY (wanted)
    $$;
REVOKE ALL ON FUNCTION core.stale_ranges_of FROM PUBLIC;
GRANT EXECUTE ON FUNCTION core.stale_ranges_of TO analytics_app;

-- How many there are, for the report of health.
CREATE FUNCTION core.count_stale_ranges() RETURNS bigint
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$ SELECT count(*) FROM core.stale_ranges $$;
REVOKE ALL ON FUNCTION core.count_stale_ranges FROM PUBLIC;
GRANT EXECUTE ON FUNCTION core.count_stale_ranges TO analytics_app;

-- Licences are issued and taken back, and signing keys remembered and withdrawn; what they say is never changed.
GRANT SELECT (id, time_zone) ON core.clients TO analytics_licences;
CREATE POLICY of_licences ON core.clients FOR SELECT TO analytics_licences USING (id = core.current_client());
CREATE POLICY of_licences ON core.licences TO analytics_licences USING (client_id = core.current_client());
GRANT SELECT, INSERT, UPDATE (revoked_at, revoked_by, reason) ON core.licences TO analytics_licences;
GRANT SELECT, INSERT (kid, public_key), UPDATE (withdrawn_at, withdrawn_by, reason) ON core.licence_keys TO analytics_licences;

-- What follows is the migration runner's own bookkeeping, as the login.
RESET ROLE;
