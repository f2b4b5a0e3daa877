-- A server executes the runs of its pool only, and a path is one of a place. What was there is in the pool `default`; its
-- place is that of the server that opens the file next.
ALTER TABLE threads ADD COLUMN place TEXT NOT NULL DEFAULT '';
ALTER TABLE threads ADD COLUMN pool TEXT NOT NULL DEFAULT 'default';
ALTER TABLE runs ADD COLUMN pool TEXT NOT NULL DEFAULT 'default';
ALTER TABLE servers ADD COLUMN pool TEXT NOT NULL DEFAULT 'default';
ALTER TABLE workers ADD COLUMN pool TEXT NOT NULL DEFAULT 'default';
ALTER TABLE grants ADD COLUMN place TEXT NOT NULL DEFAULT '';
CREATE TABLE new_rules (
  owner         TEXT NOT NULL,
  place         TEXT NOT NULL DEFAULT '',
  notebook_path TEXT NOT NULL,
  rules         TEXT NOT NULL,
  PRIMARY KEY (owner, place, notebook_path)
) WITHOUT ROWID;
INSERT INTO new_rules (owner, notebook_path, rules) SELECT owner, notebook_path, rules FROM rules;
DROP TABLE rules;
ALTER TABLE new_rules RENAME TO rules;
