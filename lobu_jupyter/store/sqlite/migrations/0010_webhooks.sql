-- What webhooks are to be told stands in an outbox.
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
