-- The chassis's own tables. Same columns and meaning in every language of the fleet.

-- One row a topic and key: the last sequence number given. Its row lock makes writers of one key take turns.
CREATE TABLE outbox_key (
  topic text NOT NULL,
  msg_key text NOT NULL,
  seq bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (topic, msg_key)
) WITH (fillfactor = 70);

-- Messages that Kafka has not acknowledged yet. The relay deletes what is acknowledged; there is no cursor.
CREATE TABLE outbox (
  position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  bucket smallint NOT NULL CHECK (bucket BETWEEN 0 AND 63),  -- FNV-1a of the key, modulo 64
  topic text NOT NULL,
  msg_key text NOT NULL,
  key_seq bigint NOT NULL,
  ce_id uuid NOT NULL,
  ce_type text NOT NULL,
  headers jsonb NOT NULL,  -- as on the wire; the relay adds ce_sequence and ce_recordedtime
  payload bytea,           -- in wire format; NULL is a tombstone
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  attempts int NOT NULL DEFAULT 0,
  last_error text,
  not_before timestamptz
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX outbox_relay ON outbox (bucket, position);
CREATE INDEX outbox_held ON outbox (topic, msg_key, key_seq) WHERE not_before IS NOT NULL;

-- What Kafka refuses for good. Its key stays held until an operator redrives or discards it.
CREATE TABLE outbox_dead (
  LIKE outbox INCLUDING DEFAULTS,
  died_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (ce_id)
);
CREATE INDEX outbox_dead_key ON outbox_dead (topic, msg_key);

-- Locks that expire, judged by the database's clock. `token` grows with each new owner and fences off the old one.
CREATE TABLE lease (
  name text PRIMARY KEY,
  owner text,
  token bigint NOT NULL DEFAULT 0,
  expires_at timestamptz NOT NULL DEFAULT '-infinity'
);

-- The greatest token under which a resource was written: a smaller one comes from somebody who has lost its lock.
CREATE TABLE lock_fence (
  resource text PRIMARY KEY,
  token bigint NOT NULL
);

-- Messages that were handled: one row each, written in the transaction of the effect.
CREATE TABLE inbox (
  handler text NOT NULL,
  ce_source text NOT NULL,
  ce_id text NOT NULL,
  processed_at timestamptz NOT NULL DEFAULT now(),
  outcome text NOT NULL DEFAULT 'ok',  -- dead: given up, may be redriven; discarded: by an operator
  PRIMARY KEY (handler, ce_source, ce_id)
);
CREATE INDEX inbox_gc ON inbox USING brin (processed_at);

-- The last sequence applied of each key: what lies behind is stale, what lies ahead by more than one is a gap.
CREATE TABLE inbox_cursor (
  handler text NOT NULL,
  ce_source text NOT NULL,
  topic text NOT NULL,
  msg_key text NOT NULL,
  last_seq bigint NOT NULL,
  PRIMARY KEY (handler, ce_source, topic, msg_key)
) WITH (fillfactor = 70);

-- Records that wait, with all later ones of their key; the rest of the partition goes on.
CREATE TABLE inbox_parked (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  handler text NOT NULL,
  topic text NOT NULL,
  part int NOT NULL,
  off bigint NOT NULL,
  msg_key text NOT NULL,
  key_seq bigint,
  headers jsonb NOT NULL,
  payload bytea,
  reason text NOT NULL,  -- error, gap or behind_parked
  attempts int NOT NULL DEFAULT 0,
  next_at timestamptz NOT NULL DEFAULT now(),
  last_error text,
  parked_at timestamptz NOT NULL DEFAULT now(),
  written_at bigint NOT NULL DEFAULT 0,  -- the record's own timestamp, milliseconds
  version int NOT NULL DEFAULT 0,  -- how often an operator has intervened
  UNIQUE (handler, topic, part, off)
);
CREATE INDEX inbox_parked_key ON inbox_parked (handler, topic, msg_key, id);
CREATE INDEX inbox_parked_due ON inbox_parked (handler, next_at);

-- What became of dead letters that an operator has dealt with. The letters themselves are in their topic.
CREATE TABLE dead_letter (
  topic text NOT NULL,  -- of the dead letters
  part int NOT NULL,
  off bigint NOT NULL,
  ce_source text NOT NULL,
  ce_id text NOT NULL,
  done text NOT NULL CHECK (done IN ('redriven', 'discarded')),
  actor text NOT NULL,
  reason text NOT NULL,
  at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (topic, part, off)
);

-- What operators did to messages by hand; nothing here is ever changed. `version` is what they saw before.
CREATE TABLE admin_action (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  op text NOT NULL,
  target text NOT NULL,
  version text NOT NULL,
  actor text NOT NULL,
  reason text NOT NULL,
  result jsonb NOT NULL,
  at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX admin_action_target ON admin_action (target, op);

-- Answers to unsafe HTTP requests by Idempotency-Key, written in the transaction of the effect.
CREATE TABLE idempotency (
  scope text NOT NULL,
  key text NOT NULL,
  request_hash bytea NOT NULL,
  status int,
  response jsonb,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (scope, key)
);

-- Definitions as they were when sagas began with them: a running saga keeps its own.
CREATE TABLE saga_definition (
  saga_type text NOT NULL,
  version int NOT NULL,
  definition jsonb NOT NULL,
  stored_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (saga_type, version)
);

CREATE TABLE saga_instance (
  saga_id uuid PRIMARY KEY,
  saga_type text NOT NULL,
  definition_version int NOT NULL,
  business_key text NOT NULL,
  mode text NOT NULL CHECK (mode IN ('orchestration', 'choreography')),
  status text NOT NULL CHECK (status IN ('running', 'compensating', 'stuck', 'completed', 'compensated', 'aborted')),
  current_step int NOT NULL DEFAULT 0,
  pivot_passed boolean NOT NULL DEFAULT false,
  data jsonb NOT NULL,
  correlation_id text NOT NULL,
  trace text,  -- traceparent of the start, so that what a timer does belongs to the same trace
  version bigint NOT NULL DEFAULT 0,
  started_at timestamptz NOT NULL DEFAULT now(),
  deadline_at timestamptz NOT NULL,
  next_timer_at timestamptz,
  stuck_reason text,
  finished_at timestamptz,
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX saga_one_live ON saga_instance (saga_type, business_key)
  WHERE status IN ('running', 'compensating', 'stuck');
CREATE INDEX saga_timer ON saga_instance (next_timer_at) WHERE next_timer_at IS NOT NULL;
CREATE INDEX saga_finished ON saga_instance (finished_at) WHERE finished_at IS NOT NULL;

CREATE TABLE saga_step (
  saga_id uuid NOT NULL REFERENCES saga_instance,
  seq int NOT NULL,
  name text NOT NULL,
  direction text NOT NULL CHECK (direction IN ('forward', 'compensate')),
  kind text NOT NULL CHECK (kind IN ('compensatable', 'pivot', 'retriable')),
  status text NOT NULL CHECK (status IN ('pending', 'sent', 'succeeded', 'failed', 'timed_out', 'skipped')),
  command_id uuid NOT NULL UNIQUE,
  attempt int NOT NULL DEFAULT 0,
  deadline_at timestamptz,
  reply jsonb,
  error text,
  sent_at timestamptz,
  ended_at timestamptz,
  PRIMARY KEY (saga_id, seq, direction)
);

-- What operators did by hand; nothing here is ever changed.
CREATE TABLE saga_action (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  saga_id uuid NOT NULL,
  op text NOT NULL CHECK (op IN ('retry', 'skip', 'compensate', 'abort')),
  actor text NOT NULL,
  reason text NOT NULL,
  expected_version bigint NOT NULL,
  at timestamptz NOT NULL DEFAULT now()
);

-- Resources that a running saga keeps from others; a lock ends with its saga at the latest.
CREATE TABLE saga_lock (
  resource text PRIMARY KEY,
  saga_id uuid NOT NULL REFERENCES saga_instance,
  expires_at timestamptz NOT NULL
);

-- What a participant keeps of a saga: of a choreography what it has seen, of an orchestration what it has answered.
-- `due_at`: it has something to do that no message will remind it of.
CREATE TABLE saga_participant (
  saga_id uuid PRIMARY KEY,
  saga_type text NOT NULL,
  definition_version int NOT NULL DEFAULT 0,  -- 0: not said, the newest that knows the step
  data jsonb NOT NULL DEFAULT '{}',
  correlation_id text NOT NULL,
  trace text,  -- traceparent of the start, for what a timer begins
  due_at timestamptz,
  attempts int NOT NULL DEFAULT 0,
  last_error text,
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX saga_participant_due ON saga_participant (due_at) WHERE due_at IS NOT NULL;

-- The only way into the outbox. The transaction gets its id before the position is drawn, and the lock on the key's
-- row lasts until commit: so positions of one key are in the order of their commits and its sequence has no holes.
CREATE FUNCTION outbox_append(
  p_topic text, p_key text, p_bucket smallint, p_id uuid, p_type text, p_headers jsonb, p_payload bytea
) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE s bigint;
BEGIN
  PERFORM pg_current_xact_id();
  INSERT INTO outbox_key AS k (topic, msg_key, seq) VALUES (p_topic, p_key, 1)
    ON CONFLICT (topic, msg_key) DO UPDATE SET seq = k.seq + 1 RETURNING seq INTO s;
  INSERT INTO outbox (bucket, topic, msg_key, key_seq, ce_id, ce_type, headers, payload)
    VALUES (p_bucket, p_topic, p_key, s, p_id, p_type, p_headers, p_payload);
  RETURN s;
END $$;

-- Takes or renews a lease: its token, or no row while somebody else holds it.
CREATE FUNCTION lease_take(p_name text, p_owner text, p_ttl interval) RETURNS bigint LANGUAGE sql AS $$
  INSERT INTO lease AS l (name, owner, token, expires_at)
    VALUES (p_name, p_owner, 1, clock_timestamp() + p_ttl)
  ON CONFLICT (name) DO UPDATE SET
    owner = p_owner,
    expires_at = clock_timestamp() + p_ttl,
    token = CASE WHEN l.owner = p_owner AND l.expires_at > clock_timestamp() THEN l.token ELSE l.token + 1 END
  WHERE l.owner = p_owner OR l.expires_at <= clock_timestamp()
  RETURNING token
$$;
