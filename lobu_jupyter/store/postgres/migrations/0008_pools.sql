-- Contract: a server of an older version could not save a notebook's rules any more.
-- A server executes the runs of its pool only, and a path is one of a place. What was there is in the pool `default`, and
-- in no place.
ALTER TABLE threads ADD COLUMN place TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE threads ADD COLUMN pool TEXT COLLATE "C" NOT NULL DEFAULT 'default';
ALTER TABLE runs ADD COLUMN pool TEXT COLLATE "C" NOT NULL DEFAULT 'default';
ALTER TABLE servers ADD COLUMN pool TEXT COLLATE "C" NOT NULL DEFAULT 'default';
ALTER TABLE workers ADD COLUMN pool TEXT COLLATE "C" NOT NULL DEFAULT 'default';
ALTER TABLE grants ADD COLUMN place TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE rules ADD COLUMN place TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE rules DROP CONSTRAINT rules_pkey;
ALTER TABLE rules ADD CONSTRAINT rules_pkey PRIMARY KEY (owner, place, notebook_path);
