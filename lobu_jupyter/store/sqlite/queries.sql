-- What only SQLite understands; the same names stand in postgres/queries.sql.

-- list_threads --
-- An owner's threads, the last touched first; `before`: last touched before this time.
SELECT t.*, (SELECT coalesce(max(j.last), 0) FROM journal j WHERE j.thread = t.number) AS cursor,
       EXISTS (SELECT 1 FROM runs r WHERE r.thread_id = t.thread_id AND r.status = 'running') AS running,
       EXISTS (SELECT 1 FROM interrupts i WHERE i.thread_id = t.thread_id AND i.status = 'open') AS waiting
  FROM threads t
 WHERE t.owner = :owner AND t.deleted_at IS NULL AND t.temporary = 0 AND t.archived = :archived
   AND (:search IS NULL OR t.title LIKE :search ESCAPE '\' OR t.name LIKE :search ESCAPE '\'
        OR t.notebook_path LIKE :search ESCAPE '\'
        OR CASE
           WHEN :loose IS NULL THEN t.thread_id IN (  -- too short for the index: what was said of late
             SELECT x.thread_id FROM texts x
              WHERE x.number > (SELECT max(number) FROM texts) - 10000 AND x.text LIKE :search ESCAPE '\')
           WHEN (SELECT count(*) FROM (SELECT 1 FROM texts_index WHERE text LIKE :loose LIMIT 2000)) < 2000 THEN t.thread_id IN (
             SELECT x.thread_id FROM texts_index f JOIN texts x ON x.number = f.rowid
              WHERE f.text LIKE :loose AND x.text LIKE :search ESCAPE '\')
           ELSE EXISTS (  -- in many texts: a thread that has it is soon met
             SELECT 1 FROM texts x WHERE x.thread_id = t.thread_id AND x.text LIKE :search ESCAPE '\') END)
   AND (:notebook_path IS NULL OR (t.notebook_path = :notebook_path AND t.place = :place))
   AND (:name IS NULL OR t.name = :name)
   AND (:kernel_id IS NULL OR t.kernel_id = :kernel_id)
   AND (:before IS NULL OR t.updated_at < :before)
   AND (:of_kernel IS NULL OR t.kernel_id = :of_kernel OR (t.notebook_path = :of_notebook AND t.place = :of_place))
 ORDER BY t.updated_at DESC, t.thread_id DESC LIMIT :limit;

-- copy_events --
-- The journal of a fork; events name the thread that they are in. What a run begins with begins a row.
INSERT INTO journal (thread, first, last, run_id, bodies)
SELECT (SELECT number FROM threads WHERE thread_id = :fork), first, last, run_id,
       CASE WHEN instr(bodies, CAST(:thread_id AS BLOB)) = 0 THEN bodies
            ELSE CAST(replace(CAST(bodies AS TEXT), '"' || :thread_id || '"', '"' || :fork || '"') AS BLOB) END
  FROM journal
 WHERE thread = (SELECT number FROM threads WHERE thread_id = :thread_id) AND last <= :until ORDER BY last;

-- move_rules --
-- The notebook's rules go with it.
UPDATE OR REPLACE rules SET notebook_path = :new || substr(notebook_path, length(:old) + 1)
 WHERE place = :place AND (notebook_path = :old OR (notebook_path >= :old || '/' AND notebook_path < :old || '0'));

-- used_bytes --
-- What the store's file holds, but for its free pages.
SELECT (count.page_count - free.freelist_count) * size.page_size AS bytes
  FROM pragma_page_count count, pragma_freelist_count free, pragma_page_size size;

-- leaving_bytes --
-- How much of that belongs to threads that are deleted and not purged yet. CROSS: those few threads first.
SELECT coalesce(sum(length(j.bodies)), 0) AS bytes
  FROM threads t CROSS JOIN journal j ON j.thread = t.number WHERE t.deleted_at IS NOT NULL;

-- foreign_bytes --
-- How much of that belongs to the threads of other pools.
SELECT coalesce(sum(length(j.bodies)), 0) AS bytes
  FROM threads t CROSS JOIN journal j ON j.thread = t.number WHERE t.pool <> :pool AND t.deleted_at IS NULL;

-- stretch_after --
-- A stretch of the journal as one row, for at each row Python's other threads may take a turn: from which event to which,
-- and their bodies, joined as in each row; of another run than `only` they are empty.
SELECT min(first) AS first, max(last) AS last,
       CAST(group_concat(CASE WHEN :only IS NULL OR run_id = :only THEN bodies
                              ELSE replace(printf('%*s', last - first, ''), ' ', char(30)) END, char(30)) AS BLOB) AS bodies
  FROM (SELECT first, last, run_id, bodies FROM journal
         WHERE thread = (SELECT number FROM threads WHERE thread_id = :thread_id) AND last > :position AND first <= :until
         ORDER BY last LIMIT :limit);

-- pick_worker --
-- A worker of a server that knows the agent, else a child: the one of before, else the least busy. An outside one
-- gets the runs of its own person only; while one of another server, which may be gone, knows the agent, no child is taken.
WITH able AS (SELECT * FROM workers
               WHERE gone_at IS NULL AND pool = (SELECT pool FROM runs WHERE run_id = :run_id) AND (child = 1
                     OR (seen_at > :since AND owner = (SELECT owner FROM runs WHERE run_id = :run_id)))),
     knowing AS (SELECT able.worker_id, able.child FROM able, json_each(able.agents) a WHERE a.value ->> 'name' = :agent)
SELECT w.* FROM able w
 WHERE w.server_id = :server_id
   AND (w.child = 0 AND w.agents = '[]' OR w.worker_id IN (SELECT worker_id FROM knowing)
        OR w.child = 1 AND NOT EXISTS (SELECT 1 FROM knowing WHERE child = 0))
 ORDER BY w.worker_id NOT IN (SELECT worker_id FROM knowing), w.incarnation <> :before,
          (SELECT count(*) FROM leases l WHERE l.worker_id = w.worker_id), w.incarnation
 LIMIT 1;

-- append_events --
-- Journal what comes at once.
INSERT INTO journal (thread, first, last, run_id, bodies) VALUES (:thread, :first, :last, :run_id, :bodies);

-- take_batch --
-- The batch that comes next, of the worker that holds the lease and lives: counted, and nothing else is.
UPDATE leases SET batch = :batch
 WHERE run_id = :run_id AND batch = :batch - 1 AND worker_id = :worker_id AND incarnation = :incarnation
   AND EXISTS (SELECT 1 FROM workers w WHERE w.worker_id = :worker_id AND w.gone_at IS NULL)
RETURNING run_id, thread_id, thread, deadline, fetched, chunk,
          (SELECT max(j.last) FROM journal j WHERE j.thread = leases.thread) AS cursor;

-- add_lease --
-- From now on this run owes an end.
INSERT INTO leases (run_id, thread_id, thread, server_id, kernel_id, kernel_incarnation, deadline, began_at)
SELECT :run_id, thread_id, number, :server_id, :kernel_id, :kernel_incarnation, :deadline, :now
  FROM threads WHERE thread_id = :thread_id;

-- schema_version --
-- The version of the file. Any server that has it open can use it.
SELECT user_version AS version, 0 AS oldest FROM pragma_user_version;
