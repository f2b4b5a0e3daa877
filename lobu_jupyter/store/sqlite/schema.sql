-- The store, version 11. Times are seconds since the Unix epoch; JSON is text.
-- A new file runs this whole script; an older one runs migrations/NNNN_*.sql (see migrations/README.md).

-- A conversation. number: its name in the journal. How far that goes is in the journal alone. Its status is not stored: it is 'running' while one
-- of its runs is, else 'waiting' while an interrupt is open, else 'idle'.
-- deleted_at: gone for everybody; its rows stay until the sweeper has let its followers read the end.
-- place: the tree of files that notebook_path is a path of. pool: the servers whose retention it is under.
CREATE TABLE threads (
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
  deleted_at    REAL,
  place         TEXT NOT NULL DEFAULT '',
  pool          TEXT NOT NULL DEFAULT 'default'
);
CREATE INDEX threads_by_owner ON threads (owner, updated_at, thread_id) WHERE deleted_at IS NULL;
CREATE INDEX threads_by_notebook ON threads (notebook_path) WHERE notebook_path IS NOT NULL;
CREATE INDEX threads_deleted ON threads (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX threads_temporary ON threads (updated_at) WHERE temporary = 1;

-- One stretch of agent work. number: order of acceptance.
-- cursor: where a reader starts who wants all of it; start_cursor, end_cursor: seq of its first and last event.
-- batch, batch_incarnation: once it has ended, its last acknowledged batch, for a repeated one.
-- request: {"message", "context"} of its start; resume: the ResumeEntries of a resumed run.
-- pool: the servers that may execute it.
CREATE TABLE runs (
  number            INTEGER PRIMARY KEY AUTOINCREMENT,
  run_id            TEXT NOT NULL UNIQUE,
  thread_id         TEXT NOT NULL,
  owner             TEXT NOT NULL,
  status            TEXT NOT NULL CHECK (status IN (
    'queued',       -- accepted, waits its turn            -> running, cancelled
    'running',      -- has a lease                         -> succeeded, interrupted, cancelled, failed
    'succeeded', 'interrupted', 'cancelled', 'failed')),  -- ended, for good
  parent_run_id     TEXT,
  agent             TEXT NOT NULL,
  model             TEXT,
  mode              TEXT,
  kernel_id         TEXT,
  client_request_id TEXT,
  answerable        INTEGER NOT NULL DEFAULT 1,
  request           TEXT NOT NULL DEFAULT '{}',
  cursor            INTEGER NOT NULL DEFAULT 0,
  start_cursor      INTEGER NOT NULL DEFAULT 0,
  end_cursor        INTEGER,
  batch             INTEGER NOT NULL DEFAULT 0,
  batch_incarnation INTEGER NOT NULL DEFAULT 0,
  usage             TEXT NOT NULL DEFAULT '{}',
  error_code        TEXT,
  error_message     TEXT,
  created_at        REAL NOT NULL,
  ended_at          REAL,
  pool              TEXT NOT NULL DEFAULT 'default'
);
-- A thread has at most one running run.
CREATE UNIQUE INDEX runs_one_running ON runs (thread_id) WHERE status = 'running';
-- A client's request starts at most one run.
CREATE UNIQUE INDEX runs_one_per_request ON runs (owner, client_request_id) WHERE client_request_id IS NOT NULL;
-- A pause is resumed at most once.
CREATE UNIQUE INDEX runs_one_resume ON runs (parent_run_id) WHERE parent_run_id IS NOT NULL;
CREATE INDEX runs_by_thread ON runs (thread_id, number);
CREATE INDEX runs_by_owner ON runs (owner, number);
CREATE INDEX runs_running ON runs (owner) WHERE status = 'running';
CREATE INDEX runs_queued ON runs (thread_id, number) WHERE status = 'queued';

-- "This run still owes an end": written when it begins, removed with its terminal event.
-- worker_id is null until a worker is at hand. server_id: whose workers may take it; '' while no server of its pool runs.
-- thread: the thread's number. fetched: its worker has the task. batch: the last acknowledged one. chunk: what is open in its slice and not journaled (a chunk shorthand, what streams hold back), as JSON.
-- began_at: when the run began. told: whether its worker asks before each request to a model. told_tokens, told_micros: of its requests that have ended.
CREATE TABLE leases (
  run_id             TEXT PRIMARY KEY,
  thread_id          TEXT NOT NULL,
  thread             INTEGER NOT NULL,
  server_id          TEXT NOT NULL,
  worker_id          TEXT,
  incarnation        INTEGER NOT NULL DEFAULT 0,
  kernel_id          TEXT,
  kernel_incarnation INTEGER NOT NULL DEFAULT 0,
  fetched            INTEGER NOT NULL DEFAULT 0,
  batch              INTEGER NOT NULL DEFAULT 0,
  chunk              TEXT,
  deadline           REAL NOT NULL,
  began_at           REAL NOT NULL DEFAULT 0,
  told               INTEGER NOT NULL DEFAULT 0,
  told_tokens        INTEGER NOT NULL DEFAULT 0,
  told_micros        INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX leases_by_worker ON leases (worker_id) WHERE worker_id IS NOT NULL;
CREATE INDEX leases_unassigned ON leases (server_id) WHERE worker_id IS NULL;
CREATE INDEX leases_by_kernel ON leases (kernel_id) WHERE kernel_id IS NOT NULL;
CREATE INDEX leases_by_deadline ON leases (deadline);

-- The journal: append-only, seq gapless from 1 in a thread. A row is what came at once, a worker's batch for one: the events
-- from first to last of one run (null: between runs), their bodies joined by 0x1E, which no JSON has.
-- Rows are in the order in which they came, whichever thread they are of, so that what many runs say at once is
-- written to few pages; the index finds a thread's, and is small because it names the thread by its number.
CREATE TABLE journal (
  number INTEGER PRIMARY KEY,
  thread INTEGER NOT NULL,
  first  INTEGER NOT NULL,
  last   INTEGER NOT NULL,
  run_id TEXT,
  bodies BLOB NOT NULL
);
CREATE UNIQUE INDEX journal_by_thread ON journal (thread, last);
-- The journal event by event, for who looks into the file.
CREATE VIEW events AS
SELECT t.thread_id, j.first + e.key AS seq, j.run_id, CAST(e.value AS BLOB) AS body
  FROM journal j JOIN threads t ON t.number = j.thread
  JOIN json_each('[' || replace(CAST(j.bodies AS TEXT), char(30), ',') || ']') e;

-- What was said in a run that has ended: its prompt and the agent's words, to search in.
-- Written with the run's end; derived, so it can be made again from runs and events.
CREATE TABLE texts (
  number    INTEGER PRIMARY KEY,  -- the index names a text by it; VACUUM may change a rowid that has no name
  thread_id TEXT NOT NULL,
  run_id    TEXT NOT NULL,
  text      TEXT NOT NULL,
  UNIQUE (thread_id, run_id)
);
-- Which texts have which three characters in a row. Without their places it is half as big as the texts; what is found
-- is compared with the text itself.
CREATE VIRTUAL TABLE texts_index USING fts5 (text, content='texts', content_rowid='number', tokenize='trigram', detail=none);
CREATE TRIGGER texts_added AFTER INSERT ON texts BEGIN
  INSERT INTO texts_index (rowid, text) VALUES (new.number, new.text);
END;
CREATE TRIGGER texts_removed AFTER DELETE ON texts BEGIN
  INSERT INTO texts_index (texts_index, rowid, text) VALUES ('delete', old.number, old.text);
END;
CREATE TRIGGER texts_changed AFTER UPDATE ON texts BEGIN
  INSERT INTO texts_index (texts_index, rowid, text) VALUES ('delete', old.number, old.text);
  INSERT INTO texts_index (rowid, text) VALUES (new.number, new.text);
END;

-- Questions to a person. body: the Interrupt as JSON; decision: the Decision as JSON.
CREATE TABLE interrupts (
  thread_id    TEXT NOT NULL,
  interrupt_id TEXT NOT NULL,
  run_id       TEXT NOT NULL,
  position     INTEGER NOT NULL,
  status       TEXT NOT NULL CHECK (status IN (
    'open',         -- waits on a person                   -> resolved, cancelled, expired
    'resolved', 'cancelled', 'expired')),                 -- settled, for good
  tool_call_id TEXT,
  body         TEXT NOT NULL,
  kernel_lost  INTEGER NOT NULL DEFAULT 0,
  created_at   REAL NOT NULL,
  expires_at   REAL,
  decision     TEXT,
  decided_by   TEXT,
  decided_via  TEXT,
  decided_at   REAL,
  resumed_by   TEXT,  -- the run that goes on with the decision
  PRIMARY KEY (thread_id, interrupt_id)
) WITHOUT ROWID;
CREATE INDEX interrupts_open ON interrupts (thread_id, run_id, position) WHERE status = 'open';
CREATE INDEX interrupts_expiring ON interrupts (expires_at) WHERE status = 'open' AND expires_at IS NOT NULL;
CREATE INDEX interrupts_by_resume ON interrupts (resumed_by, position) WHERE resumed_by IS NOT NULL;

-- What an interrupted run goes on with; opaque; exists only while its pause may still be resumed.
CREATE TABLE checkpoints (
  run_id    TEXT PRIMARY KEY,
  thread_id TEXT NOT NULL,
  body      TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX checkpoints_by_thread ON checkpoints (thread_id);

-- Server processes on this store; one that is gone no longer speaks for its workers.
CREATE TABLE servers (
  server_id   TEXT PRIMARY KEY,
  host        TEXT NOT NULL,
  pid         INTEGER NOT NULL,
  create_time REAL NOT NULL,
  seen_at     REAL NOT NULL,
  pool        TEXT NOT NULL DEFAULT 'default'
) WITHOUT ROWID;

-- Workers; the incarnation is unique over all of them. The token is kept as its SHA-256 only.
CREATE TABLE workers (
  incarnation INTEGER PRIMARY KEY AUTOINCREMENT,
  worker_id   TEXT NOT NULL UNIQUE,
  kind        TEXT NOT NULL,
  child       INTEGER NOT NULL,
  token_hash  TEXT NOT NULL UNIQUE,
  server_id   TEXT NOT NULL,
  agents      TEXT NOT NULL DEFAULT '[]',
  tools       TEXT NOT NULL DEFAULT '[]',
  seen_at     REAL NOT NULL,
  gone_at     REAL,
  owner       TEXT,  -- of an outside worker: whose runs it gets
  pool        TEXT NOT NULL DEFAULT 'default'
);
CREATE INDEX workers_live ON workers (server_id) WHERE gone_at IS NULL;

-- What a worker is to be told, in order. kind: start, cancel, stop.
CREATE TABLE inbox (
  worker_id TEXT NOT NULL,
  seq       INTEGER NOT NULL,
  kind      TEXT NOT NULL,
  run_id    TEXT,
  reason    TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (worker_id, seq)
) WITHOUT ROWID;

-- Kernels that a run was bound to; incarnation grows with each death, restart or shutdown.
CREATE TABLE kernels (
  kernel_id   TEXT PRIMARY KEY,
  incarnation INTEGER NOT NULL DEFAULT 1,
  server_id   TEXT,
  tools       TEXT NOT NULL DEFAULT '[]'
) WITHOUT ROWID;

-- A person's standing yes to a tool; revoked by removal. covers: 'call' (the one with this digest), 'simple' (code) or 'all'.
CREATE TABLE grants (
  grant_id      TEXT PRIMARY KEY,
  owner         TEXT NOT NULL,
  tool          TEXT NOT NULL,
  scope         TEXT NOT NULL CHECK (scope IN ('thread', 'notebook')),
  thread_id     TEXT,
  notebook_path TEXT,
  granted_by    TEXT NOT NULL,
  created_at    REAL NOT NULL,
  expires_at    REAL,
  covers        TEXT NOT NULL DEFAULT 'simple',
  digest        TEXT,
  place         TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
CREATE INDEX grants_by_owner ON grants (owner, created_at);

-- The notebook layer of the policy. rules: Rules as JSON.
CREATE TABLE rules (
  owner         TEXT NOT NULL,
  place         TEXT NOT NULL DEFAULT '',
  notebook_path TEXT NOT NULL,
  rules         TEXT NOT NULL,
  PRIMARY KEY (owner, place, notebook_path)
) WITHOUT ROWID;

-- Who decided, granted, changed or tried what, when and from where; never updated.
CREATE TABLE audit (
  number    INTEGER PRIMARY KEY AUTOINCREMENT,
  at        REAL NOT NULL,
  owner     TEXT NOT NULL,
  who       TEXT NOT NULL,
  via       TEXT NOT NULL,
  remote    TEXT NOT NULL,
  action    TEXT NOT NULL,
  thread_id TEXT,
  run_id    TEXT,
  detail    TEXT NOT NULL DEFAULT '{}'
);
CREATE INDEX audit_by_owner ON audit (owner, number);
CREATE INDEX audit_by_thread ON audit (thread_id, number) WHERE thread_id IS NOT NULL;

-- What agents have used: of a run with those that resume it (name: the first one's id), of a thread, of a person in one day (UTC).
-- micros: millionths of a US dollar; unpriced: requests whose price is not known; seconds: while runs ran. raised: what a person
-- let a run use beyond their own limits, as JSON.
CREATE TABLE spending (
  owner    TEXT NOT NULL,
  scope    TEXT NOT NULL CHECK (scope IN ('run', 'thread', 'day')),
  name     TEXT NOT NULL,
  tokens   INTEGER NOT NULL DEFAULT 0,
  micros   INTEGER NOT NULL DEFAULT 0,
  unpriced INTEGER NOT NULL DEFAULT 0,
  seconds  REAL NOT NULL DEFAULT 0,
  raised   TEXT NOT NULL DEFAULT '{}',
  PRIMARY KEY (owner, scope, name)
) WITHOUT ROWID;
-- What everybody used on a day, for an administrator's page.
CREATE INDEX spending_by_day ON spending (name) WHERE scope = 'day';

-- Requests to a model that are under way, and the most that each may use. likely_tokens, likely_micros: what counts if nobody says how it ended.
CREATE TABLE reservations (
  run_id        TEXT NOT NULL,
  number        INTEGER NOT NULL,
  owner         TEXT NOT NULL,
  thread_id     TEXT NOT NULL,
  tokens        INTEGER NOT NULL,
  micros        INTEGER NOT NULL,
  likely_tokens INTEGER NOT NULL,
  likely_micros INTEGER NOT NULL,
  PRIMARY KEY (run_id, number)
) WITHOUT ROWID;
CREATE INDEX reservations_by_owner ON reservations (owner);

-- A person's own limits, below the server's. limits: Budgets as JSON.
CREATE TABLE budgets (
  owner  TEXT PRIMARY KEY,
  limits TEXT NOT NULL
) WITHOUT ROWID;

-- Webhooks of a pool, once they have had an event. digest: of the address; another one turns a webhook on again. server_id: which delivers
-- until a time. off_at: its receiver said that it is gone. error: of the last attempt that failed.
CREATE TABLE webhooks (
  pool      TEXT NOT NULL,
  hook      TEXT NOT NULL,
  digest    TEXT NOT NULL,
  server_id TEXT NOT NULL DEFAULT '',
  until     REAL NOT NULL DEFAULT 0,
  off_at    REAL,
  delivered INTEGER NOT NULL DEFAULT 0,
  failed    INTEGER NOT NULL DEFAULT 0,
  dropped   INTEGER NOT NULL DEFAULT 0,
  error     TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (pool, hook)
) WITHOUT ROWID;

-- Events that a webhook is still to be told, one row for each webhook. body: what is sent, as JSON.
CREATE TABLE outbox (
  number     INTEGER PRIMARY KEY AUTOINCREMENT,
  event_id   TEXT NOT NULL UNIQUE,
  pool       TEXT NOT NULL,
  hook       TEXT NOT NULL,
  body       TEXT NOT NULL,
  attempts   INTEGER NOT NULL DEFAULT 0,
  due_at     REAL NOT NULL,
  created_at REAL NOT NULL
);
CREATE INDEX outbox_by_hook ON outbox (pool, hook, due_at);
