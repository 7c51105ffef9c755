-- Moves closed buckets of one client's partials up to every level, merged with what is there: delete below, insert above, in one statement and so in
-- one transaction. $1 and $2 bound the buckets that are moved, $3 is the client, $4 its entities. A grouping that is still being filled stays.
WITH moved AS (
    DELETE FROM {{partials}} AS part
    WHERE part.bucket >= $1 AND part.bucket < $2 AND part.client_id = $3 AND part.entity_id = ANY ($4)
        AND NOT EXISTS (
            SELECT FROM core.fillings f
            WHERE f.client_id = $3 AND f.entity_id = part.entity_id AND f.grouping_id = part.grouping_id
        )
    RETURNING part.*
), kept AS (
    INSERT INTO {{history}} SELECT moved.*, clock_timestamp() FROM moved
){{levels}}
SELECT count(*) AS moved FROM moved
