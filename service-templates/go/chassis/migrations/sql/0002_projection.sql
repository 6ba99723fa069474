-- Projections: read models of a service's own events, and copies of other contexts' data. Their rows are in tables of
-- their own (gen/tables.sql); these say which generation of rows is read, and how fresh it is.

CREATE TABLE projection (
  name text PRIMARY KEY,
  topics text[] NOT NULL,
  digest text NOT NULL,                -- of its definition; a new one is built anew
  generation int NOT NULL DEFAULT 1,   -- of the rows that are read and that live events change
  wanted_at timestamptz,               -- a rebuild is wanted since
  wanted_by text,
  building int,                        -- the generation that a rebuild fills at the moment
  built_at timestamptz,                -- when the last rebuild ended; never: old events may be missing
  read bigint NOT NULL DEFAULT 0,      -- events that the last rebuild read
  carried bigint NOT NULL DEFAULT 0,   -- rows that the last rebuild took over, since the topic has lost their beginning
  last_error text
);

-- A heartbeat: everything in a partition before `as_of` is in the projections. It need not outlive a crash.
CREATE UNLOGGED TABLE projection_progress (
  topic text NOT NULL,
  part int NOT NULL,
  parts int NOT NULL,                  -- partitions of the topic
  as_of timestamptz NOT NULL,
  PRIMARY KEY (topic, part)
) WITH (fillfactor = 50);

-- Up to when a projection is complete; nothing while that is not known. A parked record holds it back.
CREATE FUNCTION projection_as_of(p_topics text[]) RETURNS timestamptz LANGUAGE sql STABLE AS $$
  SELECT CASE WHEN count(*) FILTER (WHERE complete) = cardinality(p_topics)
         THEN least(min(oldest), (SELECT min(parked_at) FROM inbox_parked WHERE topic = ANY(p_topics))) END
    FROM (SELECT min(as_of) AS oldest, count(*) >= max(parts) AS complete
            FROM projection_progress WHERE topic = ANY(p_topics) GROUP BY topic) AS topics
$$;
