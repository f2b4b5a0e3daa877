-- What only PostgreSQL understands, or must say otherwise because several servers write at the same time. The same
-- names stand in sqlite/queries.sql or in ../queries.sql, but for the locks.

-- lock_owner --
-- What a person has is counted and started by one transaction at a time. A person has no row, so the name is locked.
SELECT pg_advisory_xact_lock(hashtextextended(n.name, 0)) FROM unnest(CAST(:names AS TEXT[])) AS n (name);

-- lock_thread --
-- The rows of threads, in one order for all transactions.
SELECT thread_id FROM threads WHERE thread_id = ANY(:names) ORDER BY thread_id FOR NO KEY UPDATE;

-- lock_run --
-- The row of the thread of a run.
SELECT thread_id FROM threads WHERE thread_id = (SELECT thread_id FROM runs WHERE run_id = ANY(:names))
   FOR NO KEY UPDATE;

-- lock_lease --
-- The leases of threads: nobody writes to the runs that have them.
SELECT run_id FROM leases WHERE thread_id = ANY(:names) ORDER BY run_id FOR UPDATE;

-- lock_kernel --
-- A kernel's row, shared by all who rely on it.
SELECT kernel_id FROM kernels WHERE kernel_id = ANY(:names) FOR SHARE;

-- list_threads --
-- An owner's threads, the last touched first; `before`: last touched before this time.
SELECT t.*, (SELECT coalesce(max(j.last), 0) FROM journal j WHERE j.thread = t.number) AS cursor,
       EXISTS (SELECT 1 FROM runs r WHERE r.thread_id = t.thread_id AND r.status = 'running') AS running,
       EXISTS (SELECT 1 FROM interrupts i WHERE i.thread_id = t.thread_id AND i.status = 'open') AS waiting
  FROM threads t
 WHERE t.owner = :owner AND t.deleted_at IS NULL AND t.temporary = 0 AND t.archived = :archived
   AND (CAST(:search AS TEXT) IS NULL OR t.title ILIKE :search ESCAPE '\' OR t.name ILIKE :search ESCAPE '\'
        OR t.notebook_path ILIKE :search ESCAPE '\'
        OR EXISTS (SELECT 1 FROM texts x WHERE x.thread_id = t.thread_id AND x.text ILIKE :search ESCAPE '\'))
   AND (CAST(:notebook_path AS TEXT) IS NULL OR (t.notebook_path = :notebook_path AND t.place = :place))
   AND (CAST(:name AS TEXT) IS NULL OR t.name = :name)
   AND (CAST(:kernel_id AS TEXT) IS NULL OR t.kernel_id = :kernel_id)
   AND (CAST(:before AS DOUBLE PRECISION) IS NULL OR t.updated_at < :before)
   AND (CAST(:of_kernel AS TEXT) IS NULL OR t.kernel_id = :of_kernel OR (t.notebook_path = :of_notebook AND t.place = :of_place))
 ORDER BY t.updated_at DESC, t.thread_id DESC LIMIT :limit;

-- copy_events --
-- The journal of a fork; events name the thread that they are in. What a run begins with begins a row.
INSERT INTO journal (thread, first, last, run_id, bodies)
SELECT (SELECT number FROM threads WHERE thread_id = :fork), first, last, run_id,
       CASE WHEN position(convert_to(:thread_id, 'UTF8') IN bodies) = 0 THEN bodies
            ELSE convert_to(replace(convert_from(bodies, 'UTF8'), '"' || :thread_id || '"', '"' || :fork || '"'), 'UTF8') END
  FROM journal
 WHERE thread = (SELECT number FROM threads WHERE thread_id = :thread_id) AND last <= :until ORDER BY last;

-- move_rules --
-- The notebook's rules go with it.
WITH gone AS (DELETE FROM rules
               WHERE place = :place AND (notebook_path = :old OR (notebook_path >= :old || '/' AND notebook_path < :old || '0'))
           RETURNING owner, place, notebook_path, rules)
INSERT INTO rules (owner, place, notebook_path, rules)
SELECT owner, place, :new || substr(notebook_path, length(:old) + 1), rules FROM gone
    ON CONFLICT (owner, place, notebook_path) DO UPDATE SET rules = excluded.rules;

-- used_bytes --
-- What the store's rows hold. The files are larger, and stay so when rows go.
SELECT CAST((SELECT coalesce(sum(octet_length(bodies)), 0) FROM journal)
          + (SELECT coalesce(sum(octet_length(text)), 0) FROM texts)
          + (SELECT coalesce(sum(octet_length(body)), 0) FROM checkpoints)
          + (SELECT coalesce(sum(octet_length(request)), 0) FROM runs) AS BIGINT) AS bytes;

-- leaving_bytes --
-- How much of that belongs to threads that are deleted and not purged yet.
SELECT CAST(coalesce(sum(octet_length(j.bodies)), 0) AS BIGINT) AS bytes
  FROM threads t JOIN journal j ON j.thread = t.number WHERE t.deleted_at IS NOT NULL;

-- foreign_bytes --
-- How much of that belongs to the threads of other pools.
SELECT CAST(coalesce(sum(octet_length(j.bodies)), 0) AS BIGINT) AS bytes
  FROM threads t JOIN journal j ON j.thread = t.number WHERE t.pool <> :pool AND t.deleted_at IS NULL;

-- append_events --
-- Journal what comes at once. The thread's lease, if it has one, goes on from there.
WITH moved AS (UPDATE leases SET last = :last WHERE thread_id = (SELECT thread_id FROM threads WHERE number = :thread))
INSERT INTO journal (thread, first, last, run_id, bodies) VALUES (:thread, :first, :last, :run_id, :bodies);

-- stretch_after --
-- A stretch of the journal as one row: from which event to which, and their bodies, joined as in each row; of another
-- run than `only` they are empty.
SELECT min(first) AS first, max(last) AS last,
       string_agg(CASE WHEN CAST(:only AS TEXT) IS NULL OR run_id = :only THEN bodies
                       ELSE convert_to(repeat(chr(30), CAST(last - first AS INTEGER)), 'UTF8') END, '\x1e' ORDER BY last) AS bodies
  FROM (SELECT first, last, run_id, bodies FROM journal
         WHERE thread = (SELECT number FROM threads WHERE thread_id = :thread_id) AND last > :position AND first <= :until
         ORDER BY last LIMIT :limit) stretch;

-- take_batch --
-- The batch that comes next, of the worker that holds the lease and lives: counted, and nothing else is.
UPDATE leases SET batch = :batch
 WHERE run_id = :run_id AND batch = :batch - 1 AND worker_id = :worker_id AND incarnation = :incarnation
   AND EXISTS (SELECT 1 FROM workers w WHERE w.worker_id = :worker_id AND w.gone_at IS NULL)
RETURNING run_id, thread_id, thread, deadline, fetched, chunk, last AS cursor;

-- add_lease --
-- From now on this run owes an end.
INSERT INTO leases (run_id, thread_id, thread, server_id, kernel_id, kernel_incarnation, deadline, began_at, last)
SELECT :run_id, t.thread_id, t.number, :server_id, :kernel_id, :kernel_incarnation, :deadline, :now,
       (SELECT coalesce(max(j.last), 0) FROM journal j WHERE j.thread = t.number)
  FROM threads t WHERE t.thread_id = :thread_id;

-- extend_leases --
-- A heartbeat is a sign of life for all runs that the worker has fetched. One order, as for each lock.
UPDATE leases SET deadline = :deadline
 WHERE run_id IN (SELECT run_id FROM leases WHERE worker_id = :worker_id AND fetched = 1 AND deadline < :deadline
                   ORDER BY run_id FOR UPDATE);

-- pick_worker --
-- A worker of a server that knows the agent, else a child: the one of before, else the least busy. An outside one
-- gets the runs of its own person only; while one of another server, which may be gone, knows the agent, no child is taken.
-- Its row is shared, so that it does not go before it has the run.
WITH able AS (SELECT * FROM workers
               WHERE gone_at IS NULL AND pool = (SELECT pool FROM runs WHERE run_id = :run_id) AND (child = 1
                     OR (seen_at > :since AND owner = (SELECT owner FROM runs WHERE run_id = :run_id)))),
     knowing AS (SELECT able.worker_id, able.child FROM able, json_array_elements(CAST(able.agents AS JSON)) a
                  WHERE a ->> 'name' = :agent)
SELECT w.* FROM workers w
 WHERE w.gone_at IS NULL AND w.worker_id IN (SELECT worker_id FROM able) AND w.server_id = :server_id
   AND (w.child = 0 AND w.agents = '[]' OR w.worker_id IN (SELECT worker_id FROM knowing)
        OR w.child = 1 AND NOT EXISTS (SELECT 1 FROM knowing WHERE child = 0))
 ORDER BY w.worker_id NOT IN (SELECT worker_id FROM knowing), w.incarnation <> :before,
          (SELECT count(*) FROM leases l WHERE l.worker_id = w.worker_id), w.incarnation
 LIMIT 1 FOR SHARE OF w;

-- append_batches --
-- Batches of many runs at once: each judged, counted and journaled if it comes next from the live worker that holds the lease.
-- A row for each that was taken. What is not taken is asked about, and answered, by the ordinary road.
WITH given AS (SELECT * FROM unnest(CAST(:run_ids AS TEXT[]), CAST(:batches AS BIGINT[]), CAST(:worker_ids AS TEXT[]),
                                    CAST(:incarnations AS BIGINT[]), CAST(:chunks AS TEXT[]), CAST(:counts AS BIGINT[]),
                                    CAST(:bodies AS BYTEA[]))
                         AS g (run_id, batch, worker_id, incarnation, chunk, count, bodies)),
     locked AS (SELECT run_id FROM leases WHERE run_id = ANY(CAST(:run_ids AS TEXT[])) ORDER BY run_id FOR UPDATE),
     taken AS (UPDATE leases l SET batch = g.batch, last = l.last + g.count, chunk = g.chunk
                 FROM given g
                WHERE l.run_id = g.run_id AND l.run_id IN (SELECT run_id FROM locked)
                  AND l.batch = g.batch - 1 AND l.worker_id = g.worker_id AND l.incarnation = g.incarnation AND l.fetched = 1
                  AND EXISTS (SELECT 1 FROM workers w WHERE w.worker_id = g.worker_id AND w.gone_at IS NULL)
            RETURNING l.run_id, l.thread_id, l.thread, l.last, g.count, g.bodies),
     written AS (INSERT INTO journal (thread, first, last, run_id, bodies)
                 SELECT thread, last - count + 1, last, run_id, bodies FROM taken WHERE count > 0)
SELECT run_id, thread_id, last FROM taken;

-- schema_version --
-- The version of the schema, and the oldest one whose servers can use it.
SELECT version, CAST(coalesce(to_jsonb(s) ->> 'oldest', CAST(version AS TEXT)) AS BIGINT) AS oldest FROM lobu_store s;
