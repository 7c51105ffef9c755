-- Moves closed buckets of the partials up to every level, merged with what is there: delete below, insert above, in one
-- statement and so in one transaction. $1 and $2 bound the buckets that are moved.
WITH moved AS (
    DELETE FROM {{partials}} WHERE bucket >= $1 AND bucket < $2 RETURNING *
){{levels}}
SELECT count(*) AS moved FROM moved
