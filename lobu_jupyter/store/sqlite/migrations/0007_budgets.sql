-- What agents use is counted, and limits hold.
ALTER TABLE leases ADD COLUMN began_at REAL NOT NULL DEFAULT 0;
ALTER TABLE leases ADD COLUMN told INTEGER NOT NULL DEFAULT 0;
ALTER TABLE leases ADD COLUMN told_tokens INTEGER NOT NULL DEFAULT 0;
ALTER TABLE leases ADD COLUMN told_micros INTEGER NOT NULL DEFAULT 0;
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
