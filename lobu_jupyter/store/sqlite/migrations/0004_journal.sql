-- A batch writes its events and one number, and events go where the last ones went. So the number is in the lease, how far
-- a journal goes is in the journal alone, and a thread has a number by which the journal names it.
CREATE TABLE new_threads (
  number        INTEGER PRIMARY KEY,
  thread_id     TEXT NOT NULL UNIQUE,
  owner         TEXT NOT NULL,
  title         TEXT NOT NULL DEFAULT '',
  name          TEXT,
  notebook_path TEXT,
  kernel_id     TEXT,
  temporary     INTEGER NOT NULL DEFAULT 0,
  archived      INTEGER NOT NULL DEFAULT 0,
  created_at    REAL NOT NULL,
  updated_at    REAL NOT NULL,
  deleted_at    REAL
);
INSERT INTO new_threads (thread_id, owner, title, name, notebook_path, kernel_id, temporary, archived, created_at,
                         updated_at, deleted_at)
SELECT thread_id, owner, title, name, notebook_path, kernel_id, temporary, archived, created_at, updated_at, deleted_at
  FROM threads ORDER BY created_at;
CREATE TABLE journal (
  number INTEGER PRIMARY KEY,
  thread INTEGER NOT NULL,
  seq    INTEGER NOT NULL,
  run_id TEXT,
  body   BLOB NOT NULL
);
INSERT INTO journal (thread, seq, run_id, body)
SELECT t.number, e.seq, e.run_id, e.body FROM events e JOIN new_threads t ON t.thread_id = e.thread_id
 ORDER BY t.number, e.seq;
CREATE UNIQUE INDEX journal_by_thread ON journal (thread, seq);
DROP TABLE events;
DROP TABLE threads;
ALTER TABLE new_threads RENAME TO threads;
CREATE INDEX threads_by_owner ON threads (owner, updated_at, thread_id) WHERE deleted_at IS NULL;
CREATE INDEX threads_by_notebook ON threads (notebook_path) WHERE notebook_path IS NOT NULL;
CREATE INDEX threads_deleted ON threads (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX threads_temporary ON threads (updated_at) WHERE temporary = 1;
CREATE VIEW events AS
SELECT t.thread_id, j.seq, j.run_id, j.body FROM journal j JOIN threads t ON t.number = j.thread;
ALTER TABLE leases ADD COLUMN thread INTEGER NOT NULL DEFAULT 0;
ALTER TABLE leases ADD COLUMN batch INTEGER NOT NULL DEFAULT 0;
UPDATE leases SET thread = (SELECT t.number FROM threads t WHERE t.thread_id = leases.thread_id),
                  batch = (SELECT r.batch FROM runs r WHERE r.run_id = leases.run_id);
ALTER TABLE runs DROP COLUMN batch_cursor;
