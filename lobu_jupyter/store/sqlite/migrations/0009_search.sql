-- What was said is found by an index of three characters in a row.
CREATE TABLE new_texts (
  number    INTEGER PRIMARY KEY,
  thread_id TEXT NOT NULL,
  run_id    TEXT NOT NULL,
  text      TEXT NOT NULL,
  UNIQUE (thread_id, run_id)
);
INSERT INTO new_texts (thread_id, run_id, text) SELECT thread_id, run_id, text FROM texts;
DROP TABLE texts;
ALTER TABLE new_texts RENAME TO texts;
CREATE VIRTUAL TABLE texts_index USING fts5 (text, content='texts', content_rowid='number', tokenize='trigram', detail=none);
INSERT INTO texts_index (texts_index) VALUES ('rebuild');
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
