-- Lists are read in pages, each from a key on in the list's own order: also what is listed of one entity, and deletions among batches.
SET LOCAL ROLE analytics_owner;

CREATE INDEX batches_of_entity_by_time ON core.batches (client_id, entity, begun_at DESC, id DESC);
CREATE INDEX files_of_entity_by_time ON core.files (client_id, entity, begun_at DESC, id DESC);
CREATE INDEX dead_letters_of_entity ON core.dead_letters (client_id, entity, id DESC);
CREATE INDEX deletions_by_time ON core.changes (client_id, began_at DESC, id DESC) WHERE kind = 'deletion';

-- What follows is the migration runner's own bookkeeping, as the login.
RESET ROLE;
