-- Users: who is added, has another role, or goes. A role of its own writes them, which nothing else can take, so what is taken over elsewhere makes nobody an administrator.
DO $$ BEGIN CREATE ROLE analytics_users NOLOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
DO $$ BEGIN EXECUTE format('GRANT analytics_users TO %I', current_user); END $$;
GRANT USAGE ON SCHEMA core TO analytics_users;
SET LOCAL ROLE analytics_owner;

GRANT SELECT (id, name) ON core.clients TO analytics_users;
CREATE POLICY of_users ON core.clients FOR SELECT TO analytics_users USING (id = core.current_client());

-- Not the address: who has another is another user.
GRANT SELECT, INSERT, UPDATE (password_hash, role), DELETE ON core.users TO analytics_users;
CREATE POLICY of_users ON core.users TO analytics_users USING (client_id = core.current_client());

-- Nobody becomes an operator through the API, and none gets another role there. One may go, and have another password.
CREATE POLICY no_operator ON core.users AS RESTRICTIVE FOR INSERT TO analytics_users WITH CHECK (role <> 'operator');
CREATE FUNCTION core.operators_stay() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    AS $$
        BEGIN
            IF current_user = 'analytics_users' AND 'operator' IN (OLD.role, NEW.role) THEN
                RAISE EXCEPTION 'an operator is made and unmade by the owner alone' USING ERRCODE = 'insufficient_privilege';
            END IF;
            RETURN NEW;
        END
    $$;
REVOKE ALL ON FUNCTION core.operators_stay FROM PUBLIC;
CREATE TRIGGER operators_stay BEFORE UPDATE OF role ON core.users FOR EACH ROW WHEN (OLD.role <> NEW.role) EXECUTE FUNCTION core.operators_stay();

-- Who forgot a password is looked up across clients, by the whole e-mail address, as who signs in is.
CREATE FUNCTION core.user_by_email(wanted text)
    RETURNS TABLE (id uuid, client_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$ SELECT u.id, u.client_id FROM core.users u WHERE u.email = wanted $$;
REVOKE ALL ON FUNCTION core.user_by_email FROM PUBLIC;
GRANT EXECUTE ON FUNCTION core.user_by_email TO analytics_users;

-- The copies of users in a cell, for their names.
GRANT SELECT ON core.residences, core.this_cell TO analytics_users;
CREATE POLICY of_users ON core.residences FOR SELECT TO analytics_users USING (client_id = core.current_client());
GRANT EXECUTE ON FUNCTION core.enter TO analytics_users;

-- What follows is the migration runner's own bookkeeping, as the login.
RESET ROLE;
