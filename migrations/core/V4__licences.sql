-- Licences: what a client may use, as keys that are signed. A key says everything itself; beside it stands what a statement has to
-- find it by, and what became of it. Signing keys are here with their public halves only.
SET LOCAL ROLE analytics_owner;

-- An operator works for the provider and issues licences. The application can't write users, so nobody becomes one through the API.
ALTER TABLE core.users DROP CONSTRAINT users_role_check,
    ADD CONSTRAINT users_role_check CHECK (role IN ('admin', 'analyst', 'viewer', 'operator'));

CREATE TABLE core.licence_keys (
    kid           text PRIMARY KEY,
    public_key    text NOT NULL,
    first_used_at timestamptz NOT NULL DEFAULT now(),
    withdrawn_at  timestamptz,
    withdrawn_by  uuid,
    reason        text
);

CREATE TABLE core.licences (
    id          uuid PRIMARY KEY,
    client_id   uuid NOT NULL REFERENCES core.clients,
    kid         text NOT NULL REFERENCES core.licence_keys,
    key         text NOT NULL,
    starts_on   date NOT NULL,
    ends_on     date NOT NULL,
    -- Made from the idempotency key and the body of the request that issued it, when that had a key.
    request     uuid,
    -- NULL for the licence that a client was provisioned with.
    issued_by   uuid,
    issued_at   timestamptz NOT NULL DEFAULT now(),
    revoked_at  timestamptz,
    revoked_by  uuid,
    reason      text,
    UNIQUE (client_id, id)
);
CREATE INDEX licences_by_end ON core.licences (client_id, ends_on);

-- One mail to one person about one end. A row is claimed before the mail is sent, and marked after.
CREATE TABLE core.licence_notices (
    client_id      uuid NOT NULL,
    licence_id     uuid NOT NULL,
    days_before    integer NOT NULL CHECK (days_before IN (90, 30, 7)),
    user_id        uuid NOT NULL,
    claimed_until  timestamptz NOT NULL,
    sent_at        timestamptz,
    PRIMARY KEY (client_id, licence_id, days_before, user_id),
    FOREIGN KEY (client_id, licence_id) REFERENCES core.licences (client_id, id)
);

DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['licences', 'licence_notices'] LOOP
        EXECUTE format('ALTER TABLE core.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY own_client ON core.%I TO analytics_app USING (client_id = core.current_client())', name);
        EXECUTE format('CREATE POLICY owner ON core.%I TO analytics_owner USING (true)', name);
    END LOOP;
END $$;
-- Licences and signing keys are the application's to read: what could store a key of its own could license itself. The owner
-- writes them, as which `manage-licences` and `provision-client` come.
GRANT SELECT ON core.licences, core.licence_keys TO analytics_app;
GRANT SELECT, INSERT, UPDATE (claimed_until, sent_at) ON core.licence_notices TO analytics_app;

-- Clients that a licence of ends within some days, for the daily renewal notices: the one look across clients, and it gives no more than
-- whom to look at. A page of them, after the last client of the page before.
CREATE FUNCTION core.clients_to_remind(first_day date, last_day date, previous uuid, most bigint)
    RETURNS TABLE (client_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT DISTINCT l.client_id FROM core.licences l
        WHERE l.revoked_at IS NULL AND l.ends_on BETWEEN first_day AND last_day
            AND (previous IS NULL OR l.client_id > previous)
        ORDER BY l.client_id LIMIT most
    $$;
REVOKE ALL ON FUNCTION core.clients_to_remind FROM PUBLIC;
GRANT EXECUTE ON FUNCTION core.clients_to_remind TO analytics_app;

-- What follows is the migration runner's own bookkeeping, as the login.
RESET ROLE;
