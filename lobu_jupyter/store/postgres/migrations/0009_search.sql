-- What was said is found by an index of three characters in a row, where the extension can be had.
DO $$
DECLARE home TEXT;
BEGIN
  BEGIN
    CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA public;
  EXCEPTION WHEN insufficient_privilege OR undefined_file OR feature_not_supported OR unique_violation THEN
    NULL;  -- the server that opens the store says so
  END;
  SELECT n.nspname INTO home FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pg_trgm';
  IF home IS NOT NULL THEN
    EXECUTE format('CREATE INDEX texts_by_trigram ON texts USING gin (text %I.gin_trgm_ops)', home);
  END IF;
END $$;
