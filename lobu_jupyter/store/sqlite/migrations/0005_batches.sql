-- What comes at once is one row of the journal, however many events it has. Those that are there stay a row each.
DROP VIEW events;
DROP INDEX journal_by_thread;
CREATE TABLE new_journal (
  number INTEGER PRIMARY KEY,
  thread INTEGER NOT NULL,
  first  INTEGER NOT NULL,
  last   INTEGER NOT NULL,
  run_id TEXT,
  bodies BLOB NOT NULL
);
INSERT INTO new_journal (number, thread, first, last, run_id, bodies)
SELECT number, thread, seq, seq, run_id, body FROM journal ORDER BY number;
DROP TABLE journal;
ALTER TABLE new_journal RENAME TO journal;
CREATE UNIQUE INDEX journal_by_thread ON journal (thread, last);
CREATE VIEW events AS
SELECT t.thread_id, j.first + e.key AS seq, j.run_id, CAST(e.value AS BLOB) AS body
  FROM journal j JOIN threads t ON t.number = j.thread
  JOIN json_each('[' || replace(CAST(j.bodies AS TEXT), char(30), ',') || ']') e;
