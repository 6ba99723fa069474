"""The statements of the inbox, and what it forgets in time."""

from __future__ import annotations

from chassis.work import Connection

_LOOK = """
SELECT {claimed},
       (SELECT last_seq FROM known),
       (SELECT min(coalesce(key_seq, 0)) FROM inbox_parked
         WHERE handler = %(handler)s AND topic = %(topic)s AND msg_key = %(key)s
           AND headers->>'ce_source' = %(source)s)
"""
_KNOWN = """known AS (
  SELECT last_seq FROM inbox_cursor
   WHERE handler = %(handler)s AND ce_source = %(source)s AND topic = %(topic)s AND msg_key = %(key)s FOR UPDATE)
"""
CLAIM = (
    """
WITH claimed AS (
  INSERT INTO inbox (handler, ce_source, ce_id) VALUES (%(handler)s, %(source)s, %(id)s)
  ON CONFLICT DO NOTHING RETURNING 1), """
    + _KNOWN
    + _LOOK.format(claimed="EXISTS (SELECT FROM claimed)")
)
REOPEN = """
UPDATE inbox SET outcome = 'ok', processed_at = now()
 WHERE handler = %(handler)s AND ce_source = %(source)s AND ce_id = %(id)s AND outcome = 'dead'
"""
BURY = """
INSERT INTO inbox (handler, ce_source, ce_id, outcome) VALUES (%(handler)s, %(source)s, %(id)s, %(outcome)s)
ON CONFLICT (handler, ce_source, ce_id) DO UPDATE SET outcome = excluded.outcome WHERE inbox.outcome = 'dead'
"""
PEEK = "WITH " + _KNOWN + _LOOK.format(claimed="true")
UNCLAIM = "DELETE FROM inbox WHERE handler = %(handler)s AND ce_source = %(source)s AND ce_id = %(id)s"
ADVANCE = """
INSERT INTO inbox_cursor AS c (handler, ce_source, topic, msg_key, last_seq)
VALUES (%(handler)s, %(source)s, %(topic)s, %(key)s, %(seq)s)
ON CONFLICT (handler, ce_source, topic, msg_key) DO UPDATE SET last_seq = excluded.last_seq
 WHERE c.last_seq < excluded.last_seq
"""
# Longer than a record can come back: seven days in its topic, thirty as a dead letter, and a day to spare. Whatever
# makes a record that comes back harmless is kept as long: this, sagas and their participants, marks of dead letters.
KEPT_DAYS, SWEEP_BATCH = 38, 5_000
_SWEEP = """
DELETE FROM inbox WHERE ctid = ANY(ARRAY(
  SELECT ctid FROM inbox WHERE processed_at < now() - make_interval(days => %s) LIMIT %s))
"""


def sweep(connection: Connection) -> int:
    """Forget one batch of the messages that were handled so long ago that none comes back; how many went."""
    return connection.execute(_SWEEP, (KEPT_DAYS, SWEEP_BATCH)).rowcount
