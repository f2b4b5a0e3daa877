-- A grant says what it covers; one of before is narrowed to simple code.
ALTER TABLE grants ADD COLUMN covers TEXT NOT NULL DEFAULT 'simple';
ALTER TABLE grants ADD COLUMN digest TEXT;
