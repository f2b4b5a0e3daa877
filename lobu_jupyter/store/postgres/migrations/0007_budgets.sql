-- What agents use is counted, and limits hold.
ALTER TABLE leases ADD COLUMN began_at DOUBLE PRECISION NOT NULL DEFAULT 0;
ALTER TABLE leases ADD COLUMN told BIGINT NOT NULL DEFAULT 0;
ALTER TABLE leases ADD COLUMN told_tokens BIGINT NOT NULL DEFAULT 0;
ALTER TABLE leases ADD COLUMN told_micros BIGINT NOT NULL DEFAULT 0;
-- What agents have used: of a run with those that resume it (name: the first one's id), of a thread, of a person in one day (UTC).
-- micros: millionths of a US dollar; unpriced: requests whose price is not known; seconds: while runs ran. raised: what a person
-- let a run use beyond their own limits, as JSON.
CREATE TABLE spending (
  owner    TEXT COLLATE "C" NOT NULL,
  scope    TEXT COLLATE "C" NOT NULL CHECK (scope IN ('run', 'thread', 'day')),
  name     TEXT COLLATE "C" NOT NULL,
  tokens   BIGINT NOT NULL DEFAULT 0,
  micros   BIGINT NOT NULL DEFAULT 0,
  unpriced BIGINT NOT NULL DEFAULT 0,
  seconds  DOUBLE PRECISION NOT NULL DEFAULT 0,
  raised   TEXT COLLATE "C" NOT NULL DEFAULT '{}',
  PRIMARY KEY (owner, scope, name)
);

-- Requests to a model that are under way, and the most that each may use. likely_tokens, likely_micros: what counts if nobody says how it ended.
CREATE TABLE reservations (
  run_id        TEXT COLLATE "C" NOT NULL,
  number        BIGINT NOT NULL,
  owner         TEXT COLLATE "C" NOT NULL,
  thread_id     TEXT COLLATE "C" NOT NULL,
  tokens        BIGINT NOT NULL,
  micros        BIGINT NOT NULL,
  likely_tokens BIGINT NOT NULL,
  likely_micros BIGINT NOT NULL,
  PRIMARY KEY (run_id, number)
);
CREATE INDEX reservations_by_owner ON reservations (owner);

-- A person's own limits, below the server's. limits: Budgets as JSON.
CREATE TABLE budgets (
  owner  TEXT COLLATE "C" PRIMARY KEY,
  limits TEXT COLLATE "C" NOT NULL
);
