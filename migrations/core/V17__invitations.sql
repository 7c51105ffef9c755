-- An address is the user's who has set a password with it: who was invited and has not, keeps nobody else from it. Users from before this keep theirs.
SET LOCAL ROLE analytics_owner;

ALTER TABLE core.users ADD COLUMN has_accepted boolean NOT NULL DEFAULT true;
ALTER TABLE core.users DROP CONSTRAINT users_email_key;
CREATE UNIQUE INDEX users_by_email ON core.users (email) WHERE has_accepted;
ALTER TABLE core.users ADD CONSTRAINT users_by_client UNIQUE (client_id, email);
GRANT UPDATE (has_accepted) ON core.users TO analytics_users;

CREATE OR REPLACE FUNCTION core.user_for_sign_in(wanted text)
    RETURNS TABLE (id uuid, client_id uuid, password_hash text, role text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$ SELECT u.id, u.client_id, u.password_hash, u.role FROM core.users u WHERE u.email = wanted AND u.has_accepted $$;

CREATE OR REPLACE FUNCTION core.user_by_email(wanted text)
    RETURNS TABLE (id uuid, client_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$ SELECT u.id, u.client_id FROM core.users u WHERE u.email = wanted AND u.has_accepted $$;

-- What follows is the migration runner's own bookkeeping, as the login.
RESET ROLE;
