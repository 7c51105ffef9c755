-- Domain events: written with what they tell of, sent to the event bus after the commit, and gone when the bus has them. What
-- stays here for more than a moment is sent by `publish-events`.
SET LOCAL ROLE analytics_owner;

CREATE TABLE core.outbox (
    client_id   uuid NOT NULL REFERENCES core.clients,
    id          uuid NOT NULL,
    kind        text NOT NULL,
    detail      jsonb NOT NULL,
    tries       integer NOT NULL DEFAULT 0,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (client_id, id)
);
-- Those that the bus has refused so often come last, so that they keep nobody waiting.
CREATE INDEX outbox_by_age ON core.outbox (tries, created_at);

-- What is overdue, of whichever client: the one question about all of them, for the one function that sends what was left.
CREATE FUNCTION core.overdue_events(before timestamptz, at_most bigint)
    RETURNS TABLE (client_id uuid, id uuid, kind text, detail jsonb)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$ SELECT o.client_id, o.id, o.kind, o.detail FROM core.outbox o WHERE o.created_at < before ORDER BY o.tries, o.created_at LIMIT at_most $$;
REVOKE ALL ON FUNCTION core.overdue_events FROM PUBLIC;
GRANT EXECUTE ON FUNCTION core.overdue_events TO analytics_app;

-- How the documents of a client look. Without a row they look like the engine's own.
CREATE TABLE core.branding (
    client_id       uuid PRIMARY KEY REFERENCES core.clients,
    primary_colour  text NOT NULL,
    accent_colour   text NOT NULL,
    logo            bytea,
    conditions      text NOT NULL DEFAULT '',
    version         integer NOT NULL DEFAULT 1,
    updated_at      timestamptz NOT NULL DEFAULT now(),
    updated_by      uuid NOT NULL
);

-- Who is asked to do the work of a draft, and when it begins; and the plan that an offer was issued with.
ALTER TABLE core.proposals ADD COLUMN team jsonb;
-- Who changed a draft last, and who gave its discounts, currency and tax.
ALTER TABLE core.proposals ADD COLUMN updated_by uuid, ADD COLUMN terms_by uuid;
ALTER TABLE core.proposal_revisions ADD COLUMN plan json, ADD COLUMN team jsonb, ADD COLUMN terms_by uuid;

-- The documents of an issued revision, or why there are none: `files` is null until they are rendered.
CREATE TABLE core.proposal_renderings (
    client_id    uuid NOT NULL,
    proposal_id  uuid NOT NULL,
    revision     integer NOT NULL,
    files        jsonb,
    failure      text,
    updated_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (client_id, proposal_id, revision),
    FOREIGN KEY (client_id, proposal_id, revision) REFERENCES core.proposal_revisions
);

DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['outbox', 'branding', 'proposal_renderings'] LOOP
        EXECUTE format('ALTER TABLE core.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY own_client ON core.%I TO analytics_app USING (client_id = core.current_client())', name);
        EXECUTE format('CREATE POLICY owner ON core.%I TO analytics_owner USING (true)', name);
    END LOOP;
END $$;
GRANT SELECT, INSERT, DELETE ON core.outbox TO analytics_app;
GRANT UPDATE (tries) ON core.outbox TO analytics_app;
GRANT SELECT, INSERT, UPDATE ON core.branding, core.proposal_renderings TO analytics_app;

-- What follows is the migration runner's own bookkeeping, as the login.
RESET ROLE;
