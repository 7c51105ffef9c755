-- Moves closed buckets of some entities' partials up to every level, merged with what is there: delete below, insert above, in one statement and so in
-- one transaction. $1 and $2 bound the buckets that are moved, $3 are the clients, $4 their entities, of which each is one client's; $5 is how many groups
-- of a day are too many. A grouping that is still being filled stays, and so does one that is kept no longer. A level has only the groupings that are kept from it on.
-- Each grouping that has too many groups by now is a row of the answer.
WITH moved AS (
    DELETE FROM {{partials}} AS part
    WHERE part.bucket >= $1 AND part.bucket < $2 AND part.client_id = ANY ($3) AND part.entity_id = ANY ($4)
        AND {{movable}}{{part}}
    RETURNING part.*
), groupings AS (
    SELECT e.id AS entity_id, (g.place - 1)::smallint AS grouping_id, g.definition->>'finest' AS finest
    FROM core.entities e CROSS JOIN LATERAL jsonb_array_elements(e.layout->'groupings') WITH ORDINALITY AS g (definition, place)
    WHERE e.client_id = ANY ($3) AND e.id = ANY ($4)
), kept AS (
    INSERT INTO {{history}} SELECT moved.*, clock_timestamp() FROM moved
){{levels}}
SELECT rows.moved, crowded.client_id, crowded.entity_id, crowded.grouping_id, crowded.groups
FROM (SELECT count(*) AS moved FROM moved) AS rows
LEFT JOIN (
    SELECT client_id, entity_id, grouping_id, max(groups) AS groups
    FROM (
        SELECT client_id, entity_id, grouping_id, bucket, count(*) AS groups FROM day_after WHERE page = 0 AND grouping_id > 0
        GROUP BY client_id, entity_id, grouping_id, bucket HAVING count(*) > $5
    ) AS days
    GROUP BY client_id, entity_id, grouping_id
) AS crowded ON true
