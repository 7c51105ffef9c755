-- Service proposals: the answers so far, and the price book that they were begun with and are priced by.
SET LOCAL ROLE analytics_owner;

CREATE TABLE core.proposals (
    client_id   uuid NOT NULL REFERENCES core.clients,
    id          uuid NOT NULL,
    name        text NOT NULL,
    price_book  text NOT NULL,
    answers     jsonb NOT NULL,
    version     integer NOT NULL DEFAULT 1,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (client_id, id)
);

ALTER TABLE core.proposals ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own_client ON core.proposals TO analytics_app USING (client_id = core.current_client());
CREATE POLICY owner ON core.proposals TO analytics_owner USING (true);
GRANT SELECT, INSERT, UPDATE ON core.proposals TO analytics_app;

RESET ROLE;
