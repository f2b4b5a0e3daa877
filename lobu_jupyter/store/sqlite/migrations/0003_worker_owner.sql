-- An outside worker gets the runs of the person who registered it, and nobody else's.
ALTER TABLE workers ADD COLUMN owner TEXT;
