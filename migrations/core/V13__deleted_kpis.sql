-- KPIs can be deleted: they are rows that nothing else refers to.
SET LOCAL ROLE analytics_owner;

GRANT DELETE ON core.kpis TO analytics_app;

-- What follows is the migration runner's own bookkeeping, as the login.
RESET ROLE;
