-- Ordinary tables: who the clients are, what they defined, what became of what they sent. Row-level security isolates
-- clients here; facts and rollups are hypertables, which can't have both it and continuous aggregates, so those are
-- reachable only through queries that name a client.

-- Roles belong to the whole server, so another database may have made them already. TimescaleDB's background jobs run as
-- the owner of what they work on, which must be a role that may log in; it has no password, so nobody can.
DO $$ BEGIN CREATE ROLE analytics_owner LOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
DO $$ BEGIN CREATE ROLE analytics_app NOLOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
DO $$ BEGIN
    EXECUTE format('GRANT analytics_owner, analytics_app TO %I', current_user);
    EXECUTE format('GRANT CREATE ON DATABASE %I TO analytics_owner', current_database());
END $$;

CREATE EXTENSION IF NOT EXISTS timescaledb;

CREATE SCHEMA core AUTHORIZATION analytics_owner;
GRANT USAGE ON SCHEMA core TO analytics_app;
SET LOCAL ROLE analytics_owner;

-- The client of the running transaction; NULL, which equals nothing, when none was set.
CREATE FUNCTION core.current_client() RETURNS uuid LANGUAGE sql STABLE
    AS $$ SELECT nullif(current_setting('app.client_id', true), '')::uuid $$;

CREATE TABLE core.clients (
    id          uuid PRIMARY KEY,
    name        text NOT NULL,
    time_zone   text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE core.users (
    id             uuid PRIMARY KEY,
    client_id      uuid NOT NULL REFERENCES core.clients,
    email          text NOT NULL,
    password_hash  text NOT NULL,
    role           text NOT NULL CHECK (role IN ('admin', 'analyst', 'viewer')),
    created_at     timestamptz NOT NULL DEFAULT now(),
    UNIQUE (email)
);

-- The physical tables of entities. Clients that define an entity alike share them; no client's data is in this table.
CREATE TABLE core.relations (
    schema_name  text NOT NULL,
    name         text NOT NULL,
    code         text NOT NULL,
    shape        jsonb NOT NULL,
    PRIMARY KEY (schema_name, name)
);

CREATE TABLE core.entities (
    client_id      uuid NOT NULL REFERENCES core.clients,
    code           text NOT NULL,
    schema_name    text NOT NULL,
    relation_name  text NOT NULL,
    definition     jsonb NOT NULL,
    version        integer NOT NULL DEFAULT 1,
    updated_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (client_id, code),
    FOREIGN KEY (schema_name, relation_name) REFERENCES core.relations
);
-- Codes that differ only in case make names of tables that don't differ.
CREATE UNIQUE INDEX entities_by_code_in_any_case ON core.entities (client_id, lower(code));

CREATE TABLE core.kpis (
    client_id   uuid NOT NULL REFERENCES core.clients,
    code        text NOT NULL,
    definition  jsonb NOT NULL,
    version     integer NOT NULL DEFAULT 1,
    updated_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (client_id, code)
);

-- A row is written in the transaction of the batch's facts: a batch that is here has had its effect, once. A sender's
-- idempotency key is the first batch's that came with it.
CREATE TABLE core.batches (
    client_id    uuid NOT NULL REFERENCES core.clients,
    id           uuid NOT NULL,
    entity       text NOT NULL,
    source       text NOT NULL,
    key          uuid,
    accepted     integer NOT NULL,
    rejected     integer NOT NULL,
    latest       timestamptz,
    finished_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (client_id, id),
    UNIQUE (client_id, key)
);
-- The greatest `latest` of an entity is at the end of its part: a watermark is one step backwards in this index.
CREATE INDEX batches_by_latest ON core.batches (client_id, entity, latest);

CREATE TABLE core.dead_letters (
    id            uuid PRIMARY KEY,
    client_id     uuid NOT NULL REFERENCES core.clients,
    entity        text NOT NULL,
    batch_id      uuid NOT NULL,
    position      integer NOT NULL,
    field         text NOT NULL,
    reason        text NOT NULL,
    original      text NOT NULL,
    received_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    replayed_at   timestamptz,
    replay_batch  uuid
);
CREATE INDEX dead_letters_by_client ON core.dead_letters (client_id, id DESC);
CREATE INDEX dead_letters_by_batch ON core.dead_letters (client_id, batch_id);

-- Ranges whose continuous aggregates lag behind the partials (Community edition). A reader takes them from the partials.
CREATE TABLE core.stale_ranges (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    schema_name    text NOT NULL,
    relation_name  text NOT NULL,
    client_id      uuid NOT NULL,
    from_time      timestamptz NOT NULL,
    to_time        timestamptz NOT NULL
);
CREATE INDEX stale_ranges_by_relation ON core.stale_ranges (schema_name, relation_name, client_id);

DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['users', 'entities', 'kpis', 'batches', 'dead_letters'] LOOP
        EXECUTE format('ALTER TABLE core.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY own_client ON core.%I TO analytics_app USING (client_id = core.current_client())', name);
        EXECUTE format('CREATE POLICY owner ON core.%I TO analytics_owner USING (true)', name);
    END LOOP;
END $$;
ALTER TABLE core.clients ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own_client ON core.clients TO analytics_app USING (id = core.current_client());
CREATE POLICY owner ON core.clients TO analytics_owner USING (true);

GRANT SELECT ON core.clients, core.users, core.entities, core.kpis, core.relations, core.stale_ranges TO analytics_app;
GRANT SELECT, INSERT ON core.batches TO analytics_app;
GRANT SELECT, INSERT, UPDATE ON core.dead_letters TO analytics_app;
GRANT INSERT ON core.stale_ranges TO analytics_app;

-- Signing in comes before the client is known: the one look-up across clients, by the whole e-mail address.
CREATE FUNCTION core.user_for_sign_in(wanted text)
    RETURNS TABLE (id uuid, client_id uuid, password_hash text, role text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$ SELECT u.id, u.client_id, u.password_hash, u.role FROM core.users u WHERE u.email = wanted $$;
REVOKE ALL ON FUNCTION core.user_for_sign_in FROM PUBLIC;
GRANT EXECUTE ON FUNCTION core.user_for_sign_in TO analytics_app;

-- How far the data of some clients has come, for the publisher's beats: one statement for all of them. It only grows: a batch
-- of late corrections does not take it back.
CREATE FUNCTION core.watermarks(wanted uuid[])
    RETURNS TABLE (client_id uuid, entity text, latest timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT e.client_id, e.code, b.latest
        FROM core.entities e
        CROSS JOIN LATERAL (
            SELECT b.latest FROM core.batches b
            WHERE b.client_id = e.client_id AND b.entity = e.code AND b.latest IS NOT NULL
            ORDER BY b.latest DESC LIMIT 1
        ) b
        WHERE e.client_id = ANY (wanted)
    $$;
REVOKE ALL ON FUNCTION core.watermarks FROM PUBLIC;
GRANT EXECUTE ON FUNCTION core.watermarks TO analytics_app;

-- The catalogues of some clients, for the publisher: one statement for all of them.
CREATE FUNCTION core.catalogs(wanted uuid[])
    RETURNS TABLE (client_id uuid, time_zone text, entities jsonb, kpis jsonb)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT c.id, c.time_zone,
            (SELECT coalesce(jsonb_agg(jsonb_build_object('definition', e.definition, 'version', e.version,
                'schema', e.schema_name, 'relation', e.relation_name) ORDER BY e.code), '[]')
                FROM core.entities e WHERE e.client_id = c.id),
            (SELECT coalesce(jsonb_agg(jsonb_build_object('definition', k.definition, 'version', k.version) ORDER BY k.code), '[]')
                FROM core.kpis k WHERE k.client_id = c.id)
        FROM core.clients c WHERE c.id = ANY (wanted)
    $$;
REVOKE ALL ON FUNCTION core.catalogs FROM PUBLIC;
GRANT EXECUTE ON FUNCTION core.catalogs TO analytics_app;

-- What follows is the migration runner's own bookkeeping, as the login.
RESET ROLE;
