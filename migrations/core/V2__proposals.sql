-- Service proposals. A proposal has its latest revision: answers and terms so far, and the price book that it was begun with and is
-- priced by. What was issued stands beside it and never changes but for its outcome.
SET LOCAL ROLE analytics_owner;

CREATE TABLE core.proposals (
    client_id   uuid NOT NULL REFERENCES core.clients,
    id          uuid NOT NULL,
    name        text NOT NULL,
    price_book  text NOT NULL,
    answers     jsonb NOT NULL,
    terms       jsonb NOT NULL DEFAULT '{}',
    revision    integer NOT NULL DEFAULT 1,
    version     integer NOT NULL DEFAULT 1,
    -- Made from the idempotency key and the body of the request that began it, when that had a key.
    request     uuid,
    created_by  uuid NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (client_id, id)
);
CREATE INDEX proposals_by_age ON core.proposals (client_id, created_at DESC, id DESC);

CREATE TABLE core.proposal_revisions (
    client_id    uuid NOT NULL,
    proposal_id  uuid NOT NULL,
    revision     integer NOT NULL,
    answers      jsonb NOT NULL,
    terms        jsonb NOT NULL,
    required     json NOT NULL,
    quote        json NOT NULL,
    issued_at    timestamptz NOT NULL DEFAULT now(),
    issued_by    uuid NOT NULL,
    valid_until  date NOT NULL,
    outcome      text NOT NULL DEFAULT 'open' CHECK (outcome IN ('open', 'accepted', 'declined', 'superseded')),
    decided_at   timestamptz,
    decided_by   uuid,
    reason       text,
    PRIMARY KEY (client_id, proposal_id, revision),
    FOREIGN KEY (client_id, proposal_id) REFERENCES core.proposals
);

DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['proposals', 'proposal_revisions'] LOOP
        EXECUTE format('ALTER TABLE core.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY own_client ON core.%I TO analytics_app USING (client_id = core.current_client())', name);
        EXECUTE format('CREATE POLICY owner ON core.%I TO analytics_owner USING (true)', name);
    END LOOP;
END $$;
GRANT SELECT, INSERT, UPDATE ON core.proposals TO analytics_app;
-- What was issued is not the application's to change: only what became of it.
GRANT SELECT, INSERT, UPDATE (outcome, decided_at, decided_by, reason) ON core.proposal_revisions TO analytics_app;

-- What follows is the migration runner's own bookkeeping, as the login.
RESET ROLE;
