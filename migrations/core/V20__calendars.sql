-- What a client declares of its calendar beside its time zone: the day that weeks begin with, and its fiscal year.
SET LOCAL ROLE analytics_owner;

ALTER TABLE core.clients ADD COLUMN calendar jsonb NOT NULL DEFAULT '{}';

-- Of many clients at once, as their definitions are read.
CREATE FUNCTION core.calendars(wanted uuid[]) RETURNS TABLE (client_id uuid, calendar jsonb)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$ SELECT c.id, c.calendar FROM core.clients c WHERE c.id = ANY (wanted) $$;
REVOKE ALL ON FUNCTION core.calendars FROM PUBLIC;
GRANT EXECUTE ON FUNCTION core.calendars TO analytics_app;

-- What follows is the migration runner's own bookkeeping, as the login.
RESET ROLE;
