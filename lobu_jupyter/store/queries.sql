-- thread --
-- A thread, the end of its journal, and what its status is read from.
SELECT t.*, (SELECT coalesce(max(j.last), 0) FROM journal j WHERE j.thread = t.number) AS cursor,
       EXISTS (SELECT 1 FROM runs r WHERE r.thread_id = t.thread_id AND r.status = 'running') AS running,
       EXISTS (SELECT 1 FROM interrupts i WHERE i.thread_id = t.thread_id AND i.status = 'open') AS waiting
  FROM threads t WHERE t.thread_id = :thread_id;

-- add_thread --
-- A new, empty thread.
INSERT INTO threads (thread_id, owner, title, name, notebook_path, kernel_id, temporary, created_at, updated_at, place, pool)
VALUES (:thread_id, :owner, :title, :name, :notebook_path, :kernel_id, :temporary, :now, :now, :place, :pool);

-- find_thread --
-- The newest live thread that a notebook, or a kernel without one, goes on with.
SELECT thread_id FROM threads
 WHERE owner = :owner AND deleted_at IS NULL AND temporary = 0 AND archived = 0 AND (name = :name OR (name IS NULL AND CAST(:name AS TEXT) IS NULL))
   AND (CAST(:notebook_path AS TEXT) IS NULL OR (notebook_path = :notebook_path AND place = :place))
   AND (CAST(:notebook_path AS TEXT) IS NOT NULL OR CAST(:kernel_id AS TEXT) IS NULL OR kernel_id = :kernel_id)
   AND (CAST(:notebook_path AS TEXT) IS NOT NULL OR CAST(:kernel_id AS TEXT) IS NOT NULL OR CAST(:name AS TEXT) IS NOT NULL)
 ORDER BY created_at DESC, thread_id LIMIT 1;

-- count_threads --
-- How many threads a kernel and its notebook have.
SELECT count(*) AS threads FROM threads t
 WHERE t.owner = :owner AND t.deleted_at IS NULL
   AND (CAST(:of_kernel AS TEXT) IS NULL OR t.kernel_id = :of_kernel OR (t.notebook_path = :of_notebook AND t.place = :of_place));

-- threads_of_path --
-- The threads of a notebook, or of a folder of notebooks, in one place.
SELECT * FROM threads
 WHERE place = :place AND (notebook_path = :old OR (notebook_path >= :old || '/' AND notebook_path < :old || '0'));

-- change_thread --
-- Write what a person may change.
UPDATE threads SET title = :title, archived = :archived, kernel_id = :kernel_id, notebook_path = :notebook_path,
       place = :place, updated_at = :now
 WHERE thread_id = :thread_id;

-- title_thread --
-- The first prompt names a thread that has no title yet.
UPDATE threads SET title = :title WHERE thread_id = :thread_id AND title = '';

-- change_title --
-- An agent's session names a thread that only its first prompt has named.
UPDATE threads SET title = :title WHERE thread_id = :thread_id;

-- first_run --
-- The first run that was accepted on a thread.
SELECT request FROM runs WHERE thread_id = :thread_id ORDER BY number LIMIT 1;

-- touch_thread --
-- Something happened in it; not with each batch, for this moves an entry of an index.
UPDATE threads SET updated_at = :now WHERE thread_id = :thread_id;

-- delete_thread --
-- First call wins: the thread is gone for all callers.
UPDATE threads SET deleted_at = :now WHERE thread_id = :thread_id AND deleted_at IS NULL;

-- restore_thread --
-- The thread is there again, if nobody has purged it.
UPDATE threads SET deleted_at = NULL, updated_at = :now
 WHERE thread_id = :thread_id AND owner = :owner AND deleted_at IS NOT NULL;

-- index_run --
-- What was said in a run becomes searchable.
INSERT INTO texts (thread_id, run_id, text) VALUES (:thread_id, :run_id, :text)
ON CONFLICT (thread_id, run_id) DO UPDATE SET text = excluded.text;

-- purge_texts --
-- Remove what was said in a deleted thread.
DELETE FROM texts WHERE thread_id = :thread_id;

-- copy_thread --
-- A fork: another thread like this one, whose journal is to be copied up to a cursor.
INSERT INTO threads (thread_id, owner, title, name, notebook_path, kernel_id, created_at, updated_at, place, pool)
SELECT :fork, owner, title, :name, notebook_path, kernel_id, :now, :now, place, CAST(:pool AS TEXT) FROM threads WHERE thread_id = :thread_id;

-- run_before --
-- Where a run begins in a thread: its own, or a fork that has it too.
SELECT first FROM journal
 WHERE thread = (SELECT number FROM threads WHERE thread_id = :thread_id) AND run_id = :run_id ORDER BY last LIMIT 1;

-- copy_texts --
-- What was said before the fork can be found in it too.
INSERT INTO texts (thread_id, run_id, text)
SELECT :fork, x.run_id, x.text FROM texts x JOIN runs r ON r.run_id = x.run_id
 WHERE x.thread_id = :thread_id AND r.end_cursor <= :until;

-- move_notebook --
-- A notebook, or a folder of notebooks, of one place has another path now.
UPDATE threads SET notebook_path = :new || substr(notebook_path, length(:old) + 1)
 WHERE place = :place AND (notebook_path = :old OR (notebook_path >= :old || '/' AND notebook_path < :old || '0'));

-- move_grants --
-- The notebook's grants go with it.
UPDATE grants SET notebook_path = :new || substr(notebook_path, length(:old) + 1)
 WHERE place = :place AND (notebook_path = :old OR (notebook_path >= :old || '/' AND notebook_path < :old || '0'));

-- end_grants --
-- What was granted in a notebook, or a folder of notebooks, and in their threads.
DELETE FROM grants
 WHERE (place = :place AND (notebook_path = :path OR (notebook_path >= :path || '/' AND notebook_path < :path || '0')))
    OR thread_id IN (SELECT thread_id FROM threads WHERE place = :place AND
                     (notebook_path = :path OR (notebook_path >= :path || '/' AND notebook_path < :path || '0')))
RETURNING *;

-- end_rules --
-- The rules of a notebook, or of a folder of notebooks.
DELETE FROM rules
 WHERE place = :place AND (CAST(:owner AS TEXT) IS NULL OR owner = :owner)
   AND (notebook_path = :path OR (notebook_path >= :path || '/' AND notebook_path < :path || '0'))
RETURNING *;

-- deleted_threads --
-- Deleted long enough ago that their followers have read the end.
SELECT thread_id FROM threads WHERE deleted_at IS NOT NULL AND deleted_at <= :until LIMIT 100;

-- temporary_threads --
-- Temporary threads that have ended, or were never used.
SELECT t.thread_id FROM threads t
 WHERE t.temporary = 1 AND t.deleted_at IS NULL AND t.updated_at <= :until
   AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.thread_id = t.thread_id AND r.status = 'running')
   AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.thread_id = t.thread_id AND r.status = 'queued')
   AND NOT EXISTS (SELECT 1 FROM interrupts i WHERE i.thread_id = t.thread_id AND i.status = 'open')
   AND (t.updated_at <= :unused_until OR EXISTS (SELECT 1 FROM runs r WHERE r.thread_id = t.thread_id))
 LIMIT 100;

-- idle_threads --
-- A pool's threads (null: all) that nobody touched since, the oldest first, with the size of their journals.
SELECT t.thread_id, (SELECT CAST(coalesce(sum(length(j.bodies)), 0) AS BIGINT) FROM journal j WHERE j.thread = t.number) AS bytes
  FROM threads t
 WHERE t.deleted_at IS NULL AND t.updated_at <= :until AND (CAST(:pool AS TEXT) IS NULL OR t.pool = :pool)
   AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.thread_id = t.thread_id AND r.status = 'running')
   AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.thread_id = t.thread_id AND r.status = 'queued')
   AND NOT EXISTS (SELECT 1 FROM interrupts i WHERE i.thread_id = t.thread_id AND i.status = 'open')
 ORDER BY t.updated_at LIMIT 100;

-- idle_thread --
-- One of them, if it still is.
SELECT t.thread_id, t.owner FROM threads t
 WHERE t.thread_id = :thread_id AND t.deleted_at IS NULL AND t.updated_at <= :until
   AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.thread_id = t.thread_id AND r.status = 'running')
   AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.thread_id = t.thread_id AND r.status = 'queued')
   AND NOT EXISTS (SELECT 1 FROM interrupts i WHERE i.thread_id = t.thread_id AND i.status = 'open');

-- count_open_interrupts --
-- How many questions of a pool's runs wait on a person.
SELECT count(*) AS open FROM interrupts i JOIN runs r ON r.run_id = i.run_id WHERE i.status = 'open' AND r.pool = :pool;

-- purge_events --
-- Remove a deleted thread's journal.
DELETE FROM journal WHERE thread = (SELECT number FROM threads WHERE thread_id = :thread_id);

-- purge_runs --
-- Remove a deleted thread's runs.
DELETE FROM runs WHERE thread_id = :thread_id;

-- purge_interrupts --
-- Remove a deleted thread's interrupts.
DELETE FROM interrupts WHERE thread_id = :thread_id;

-- purge_grants --
-- Remove a deleted thread's grants.
DELETE FROM grants WHERE owner = :owner AND thread_id = :thread_id;

-- purge_thread --
-- Remove a deleted thread itself.
DELETE FROM threads WHERE thread_id = :thread_id AND deleted_at IS NOT NULL;

-- end_of_journal --
-- The last seq of a thread's journal, the thread's number there, and whose it is.
SELECT t.owner, t.number, (SELECT coalesce(max(j.last), 0) FROM journal j WHERE j.thread = t.number) AS cursor
  FROM threads t WHERE t.thread_id = :thread_id;

-- run --
-- A run by its id.
SELECT * FROM runs WHERE run_id = :run_id;

-- run_of_worker --
-- Why a batch is not taken: its run, the run's lease, and whether the worker that writes to it lives.
SELECT EXISTS (SELECT 1 FROM workers w WHERE w.worker_id = :worker_id AND w.gone_at IS NULL) AS worker_lives,
       l.worker_id, l.incarnation, l.deadline, coalesce(l.batch, r.batch) AS batch,
       CASE WHEN l.batch > 0 THEN l.incarnation ELSE r.batch_incarnation END AS batch_incarnation,
       coalesce(r.end_cursor, (SELECT max(j.last) FROM journal j WHERE j.thread = l.thread)) AS cursor
  FROM runs r LEFT JOIN leases l ON l.run_id = r.run_id WHERE r.run_id = :run_id;

-- run_of_request --
-- The run that a client's request started.
SELECT * FROM runs WHERE owner = :owner AND client_request_id = :client_request_id;

-- running_run --
-- The run that a thread is running.
SELECT * FROM runs WHERE thread_id = :thread_id AND status = 'running';

-- queued_runs --
-- A thread's queue, in order of acceptance.
SELECT * FROM runs WHERE thread_id = :thread_id AND status = 'queued' ORDER BY number;

-- idle_queues --
-- Threads where a run of a pool is queued and none runs.
SELECT DISTINCT q.thread_id FROM runs q
 WHERE q.status = 'queued' AND q.pool = :pool
   AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.thread_id = q.thread_id AND r.status = 'running');

-- bind_thread --
-- A thread is bound to the kernel that it was last used with.
UPDATE threads SET kernel_id = :kernel_id WHERE thread_id = :thread_id AND (kernel_id IS NULL OR kernel_id <> :kernel_id);

-- list_runs --
-- An owner's runs, the newest first.
SELECT * FROM runs
 WHERE owner = :owner AND (CAST(:thread_id AS TEXT) IS NULL OR thread_id = :thread_id) AND (CAST(:status AS TEXT) IS NULL OR status = :status)
   AND (CAST(:of_kernel AS TEXT) IS NULL OR EXISTS (SELECT 1 FROM threads t WHERE t.thread_id = runs.thread_id
        AND (t.kernel_id = :of_kernel OR (t.notebook_path = :of_notebook AND t.place = :of_place))))
 ORDER BY number DESC LIMIT :limit;

-- all_running --
-- What runs in a pool, over all owners.
SELECT * FROM runs WHERE status = 'running' AND pool = :pool;

-- running_here --
-- The kernel (or null) of each run that runs, over all owners, on the workers of one server.
SELECT kernel_id FROM leases WHERE server_id = :server_id;

-- count_running --
-- How many runs are under way in a pool, of one owner and of all.
SELECT count(*) AS everyone, count(*) FILTER (WHERE owner = :owner) AS mine FROM runs
 WHERE status = 'running' AND pool = :pool;

-- add_run --
-- Accept a run.
INSERT INTO runs (run_id, thread_id, owner, status, parent_run_id, agent, model, mode, kernel_id,
                  client_request_id, answerable, request, cursor, created_at, pool)
VALUES (:run_id, :thread_id, :owner, 'queued', :parent_run_id, :agent, :model, :mode, :kernel_id,
        :client_request_id, :answerable, :request, :cursor, :now, :pool);

-- begin_run --
-- First writer wins: only a queued run begins.
UPDATE runs SET status = 'running' WHERE run_id = :run_id AND status = 'queued';

-- set_start --
-- Where the run begins in the journal.
UPDATE runs SET start_cursor = :start_cursor, cursor = :cursor WHERE run_id = :run_id;

-- end_run --
-- First writer wins: only a run that has not ended takes an end; its lease leaves it the last batch.
UPDATE runs SET status = :status, end_cursor = :end_cursor, ended_at = :now, usage = :usage,
       error_code = :error_code, error_message = :error_message,
       (batch, batch_incarnation) = (SELECT coalesce(max(l.batch), 0), coalesce(max(l.incarnation), 0) FROM leases l
                                      WHERE l.run_id = runs.run_id AND l.batch > 0)
 WHERE run_id = :run_id AND status IN ('queued', 'running');

-- lease --
-- The lease of a run that has not ended.
SELECT * FROM leases WHERE run_id = :run_id;

-- assign_lease --
-- Give a waiting run to a worker.
UPDATE leases SET worker_id = :worker_id, incarnation = :incarnation WHERE run_id = :run_id;

-- unassign_lease --
-- Take back a run that its worker never fetched.
UPDATE leases SET worker_id = NULL, incarnation = 0 WHERE run_id = :run_id AND fetched = 0;

-- fetch_lease --
-- The worker has the task: from now on its silence counts.
UPDATE leases SET fetched = 1, deadline = :deadline
 WHERE run_id = :run_id AND worker_id = :worker_id;

-- extend_lease --
-- A batch is a sign of life.
UPDATE leases SET deadline = CASE WHEN deadline < :deadline THEN :deadline ELSE deadline END, fetched = 1, chunk = :chunk WHERE run_id = :run_id;

-- extend_leases --
-- A heartbeat is a sign of life for all runs that the worker has fetched.
UPDATE leases SET deadline = :deadline WHERE worker_id = :worker_id AND fetched = 1 AND deadline < :deadline;

-- drop_lease --
-- The run has its end.
DELETE FROM leases WHERE run_id = :run_id;

-- unassigned_leases --
-- Runs of a server that wait for a worker, in order.
SELECT l.*, r.agent FROM leases l JOIN runs r ON r.run_id = l.run_id
 WHERE l.server_id = :server_id AND l.worker_id IS NULL ORDER BY r.number;

-- leases_without_server --
-- Runs of a pool that wait for a server, in order.
SELECT l.*, r.agent, r.owner FROM leases l JOIN runs r ON r.run_id = l.run_id
 WHERE l.server_id = '' AND l.worker_id IS NULL AND r.pool = :pool ORDER BY r.number;

-- leave_lease --
-- A run that no worker has fetched waits for a server of its pool.
UPDATE leases SET server_id = '', worker_id = NULL, incarnation = 0, deadline = :deadline, began_at = :deadline
 WHERE run_id = :run_id AND fetched = 0;

-- adopt_lease --
-- A server of its pool is there.
UPDATE leases SET server_id = :server_id, deadline = :deadline, began_at = :now, kernel_id = :kernel_id,
       kernel_incarnation = (SELECT coalesce(max(k.incarnation), 0) FROM kernels k WHERE k.kernel_id = :kernel_id)
 WHERE run_id = :run_id;

-- bind_run --
-- The run continues in the kernel that its thread has now.
UPDATE runs SET kernel_id = :kernel_id WHERE run_id = :run_id;

-- leases_of_worker --
-- What a worker has in flight.
SELECT l.* FROM leases l WHERE l.worker_id = :worker_id;

-- leases_of_kernel --
-- What runs on a kernel.
SELECT l.* FROM leases l WHERE l.kernel_id = :kernel_id;

-- leases_of_server --
-- What ends with a server: runs of its children, and those that wait for one.
SELECT l.* FROM leases l LEFT JOIN workers w ON w.worker_id = l.worker_id
 WHERE (l.worker_id IS NULL AND l.server_id = :server_id) OR (w.server_id = :server_id AND w.child = 1);

-- lapsed_leases --
-- Runs that nobody ends.
SELECT run_id FROM leases WHERE deadline <= :now ORDER BY deadline LIMIT 500;

-- add_interrupt --
-- A question to a person.
INSERT INTO interrupts (thread_id, interrupt_id, run_id, position, status, tool_call_id, body, created_at, expires_at)
VALUES (:thread_id, :interrupt_id, :run_id, :position, 'open', :tool_call_id, :body, :now, :expires_at);

-- interrupt --
-- A question by its id.
SELECT * FROM interrupts WHERE thread_id = :thread_id AND interrupt_id = :interrupt_id;

-- open_interrupts --
-- What a thread asks now, in order.
SELECT * FROM interrupts WHERE thread_id = :thread_id AND status = 'open' ORDER BY run_id, position;

-- open_interrupts_of_owner --
-- What waits on a person, over all threads.
SELECT i.* FROM interrupts i JOIN threads t ON t.thread_id = i.thread_id
 WHERE i.status = 'open' AND t.owner = :owner AND t.deleted_at IS NULL
   AND (CAST(:thread_id AS TEXT) IS NULL OR i.thread_id = :thread_id)
   AND (CAST(:of_kernel AS TEXT) IS NULL OR t.kernel_id = :of_kernel OR (t.notebook_path = :of_notebook AND t.place = :of_place))
 ORDER BY i.created_at, i.run_id, i.position;

-- runs_of_agent --
-- The runs of one agent on a thread.
SELECT run_id FROM runs WHERE thread_id = :thread_id AND agent = :agent;

-- questions_of_lost --
-- The open questions of workers that are gone, or outside and silent.
SELECT i.* FROM interrupts i JOIN runs r ON r.run_id = i.run_id LEFT JOIN workers w ON w.incarnation = r.batch_incarnation
 WHERE i.status = 'open' AND (w.worker_id IS NULL OR w.gone_at IS NOT NULL OR (w.child = 0 AND w.seen_at <= :since));

-- questions_of_server --
-- The open questions of the workers that a server started.
SELECT i.* FROM interrupts i JOIN runs r ON r.run_id = i.run_id JOIN workers w ON w.incarnation = r.batch_incarnation
 WHERE i.status = 'open' AND w.server_id = :server_id AND w.child = 1 AND w.gone_at IS NULL;

-- worker_of_run --
-- The worker that last wrote to a run, if it lives.
SELECT w.worker_id FROM runs r JOIN workers w ON w.incarnation = r.batch_incarnation
 WHERE r.run_id = :run_id AND w.gone_at IS NULL;

-- resolved_interrupts --
-- What a resumed run was decided on, in order.
SELECT * FROM interrupts WHERE resumed_by = :run_id ORDER BY position;

-- settle_interrupt --
-- First writer wins: only an open question is settled.
UPDATE interrupts SET status = :status, decision = :decision, decided_by = :by, decided_via = :via,
       decided_at = :now, resumed_by = :resumed_by
 WHERE thread_id = :thread_id AND interrupt_id = :interrupt_id AND status = 'open';

-- expired_threads --
-- Threads with a question whose time is over.
SELECT DISTINCT thread_id FROM interrupts
 WHERE status = 'open' AND expires_at IS NOT NULL AND expires_at <= :now LIMIT 500;

-- threads_waiting_on_kernel --
-- Threads that wait on a person with a run of this kernel.
SELECT DISTINCT i.thread_id FROM interrupts i JOIN runs r ON r.run_id = i.run_id
 WHERE i.status = 'open' AND r.kernel_id = :kernel_id;

-- mark_kernel_lost --
-- The variables that an open question was about are gone.
UPDATE interrupts SET kernel_lost = 1 WHERE thread_id = :thread_id AND status = 'open';

-- add_checkpoint --
-- What an interrupted run goes on with.
INSERT INTO checkpoints (run_id, thread_id, body) VALUES (:run_id, :thread_id, :body);

-- checkpoint --
-- What an interrupted run goes on with.
SELECT body FROM checkpoints WHERE run_id = :run_id;

-- drop_checkpoint --
-- The decision's run has begun, or nobody may decide any more.
DELETE FROM checkpoints WHERE run_id = :run_id;

-- drop_parent_checkpoint --
-- A resumed run has begun to speak, or has ended: nobody goes on with what it went on with.
DELETE FROM checkpoints WHERE run_id = (SELECT parent_run_id FROM runs WHERE run_id = :run_id);

-- drop_checkpoints --
-- Nothing of the thread will be resumed.
DELETE FROM checkpoints WHERE thread_id = :thread_id;

-- add_server --
-- This process speaks for its workers.
INSERT INTO servers (server_id, host, pid, create_time, seen_at, pool)
VALUES (:server_id, :host, :pid, :create_time, :now, :pool);

-- servers --
-- All server processes on this store.
SELECT * FROM servers WHERE server_id <> :server_id;

-- live_server --
-- A server that was seen lately: the named one, else the last seen, of a pool or of any.
SELECT server_id FROM servers
 WHERE (CAST(:pool AS TEXT) IS NULL OR pool = :pool) AND seen_at > :since AND (CAST(:server_id AS TEXT) IS NULL OR server_id = :server_id)
 ORDER BY seen_at DESC, server_id LIMIT 1;

-- see_server --
-- This server is alive.
UPDATE servers SET seen_at = :now WHERE server_id = :server_id;

-- seat_duty --
-- When a server was last seen, and whether a run of its pool is queued or under way.
SELECT (SELECT s.seen_at FROM servers s WHERE s.server_id = :server_id) AS seen_at,
       EXISTS (SELECT 1 FROM runs r WHERE r.status = 'running' AND r.pool = :pool)
       OR EXISTS (SELECT 1 FROM runs q WHERE q.status = 'queued' AND q.pool = :pool) AS busy;

-- drop_server --
-- The server is gone.
DELETE FROM servers WHERE server_id = :server_id;

-- settle_threads --
-- Threads of a version that knew no places are where this server is.
UPDATE threads SET place = :place WHERE place = '';

-- settle_grants --
-- The grants of such notebooks too.
UPDATE grants SET place = :place WHERE place = '';

-- settle_rules --
-- And the rules.
UPDATE rules SET place = :place WHERE place = '';

-- add_worker --
-- A worker registers and gets its incarnation.
INSERT INTO workers (worker_id, kind, child, owner, token_hash, server_id, agents, tools, seen_at, pool)
VALUES (:worker_id, :kind, :child, :owner, :token_hash, :server_id, :agents, :tools, :now, :pool) RETURNING incarnation;

-- worker --
-- A worker by its id.
SELECT * FROM workers WHERE worker_id = :worker_id;

-- worker_of_token --
-- A worker by its token's hash.
SELECT * FROM workers WHERE token_hash = :token_hash;

-- live_worker --
-- A worker that has not been given up.
SELECT child FROM workers WHERE worker_id = :worker_id AND gone_at IS NULL;

-- see_worker --
-- The worker is alive; an outside one may have come over from another server.
UPDATE workers SET seen_at = :now, server_id = CASE child WHEN 1 THEN server_id ELSE :server_id END,
       pool = CASE child WHEN 1 THEN pool ELSE :pool END
 WHERE worker_id = :worker_id AND gone_at IS NULL;

-- announce_agents --
-- What a worker's agents are now.
UPDATE workers SET agents = :agents WHERE worker_id = :worker_id;

-- end_worker --
-- First call wins: the worker is gone.
UPDATE workers SET gone_at = :now WHERE worker_id = :worker_id AND gone_at IS NULL;

-- end_children --
-- A server's children are gone with it.
UPDATE workers SET gone_at = :now WHERE server_id = :server_id AND child = 1 AND gone_at IS NULL;

-- live_workers --
-- The workers of all servers of a pool.
SELECT * FROM workers WHERE gone_at IS NULL AND pool = :pool AND (child = 1 OR seen_at > :since) ORDER BY incarnation;

-- workers_for --
-- The workers of all servers of a pool that a person's runs may go to.
SELECT * FROM workers
 WHERE gone_at IS NULL AND pool = :pool AND (child = 1 OR (owner = :owner AND seen_at > :since)) ORDER BY incarnation;

-- announcements --
-- The agents that a pool's workers announced, also workers that went a while ago.
SELECT DISTINCT agents FROM workers WHERE pool = :pool;

-- last_announcement --
-- The agents and tools that a child of a pool announced last, also one that is gone.
SELECT * FROM workers WHERE agents <> '[]' AND child = 1 AND pool = :pool ORDER BY incarnation DESC LIMIT 1;

-- forget_workers --
-- Workers that are long gone, but for the newest announcements.
DELETE FROM workers WHERE gone_at IS NOT NULL AND gone_at <= :until
   AND incarnation < (SELECT max(w.incarnation) FROM workers w WHERE w.pool = workers.pool) - 10;

-- incarnation_of_parent --
-- The worker that ran what this run goes on with.
SELECT p.batch_incarnation AS incarnation FROM runs r JOIN runs p ON p.run_id = r.parent_run_id
 WHERE r.run_id = :run_id AND p.batch_incarnation IS NOT NULL;

-- tell_worker --
-- Put something into a worker's inbox.
INSERT INTO inbox (worker_id, seq, kind, run_id, reason)
SELECT :worker_id, coalesce(max(seq), 0) + 1, :kind, :run_id, :reason FROM inbox WHERE worker_id = :worker_id;

-- inbox --
-- What a worker has not read yet, with the lease of what it may start.
SELECT i.*, l.worker_id AS leased_to FROM inbox i LEFT JOIN leases l ON l.run_id = i.run_id
 WHERE i.worker_id = :worker_id AND i.seq > :after ORDER BY i.seq LIMIT 100;

-- confirm_inbox --
-- What a worker has read is forgotten; the last of it stays, for the numbers go on from there.
DELETE FROM inbox WHERE worker_id = :worker_id AND seq <= :after
   AND seq < (SELECT max(seq) FROM inbox WHERE worker_id = :worker_id);

-- drop_inbox --
-- Nobody reads this inbox any more.
DELETE FROM inbox WHERE worker_id = :worker_id;

-- bind_kernel --
-- A kernel that a run is bound to; `mine` when it runs under this server.
INSERT INTO kernels (kernel_id, server_id) VALUES (:kernel_id, CASE WHEN :mine = 1 THEN :server_id END)
ON CONFLICT (kernel_id) DO UPDATE SET server_id = CASE WHEN :mine = 1 THEN :server_id ELSE kernels.server_id END;

-- kernel --
-- A kernel that we have seen.
SELECT * FROM kernels WHERE kernel_id = :kernel_id;

-- bump_kernel --
-- What ran in the kernel so far is superseded; its tools are gone.
INSERT INTO kernels (kernel_id, server_id, incarnation) VALUES (:kernel_id, :server_id, 2)
ON CONFLICT (kernel_id) DO UPDATE SET incarnation = kernels.incarnation + 1, server_id = :server_id, tools = '[]'
RETURNING incarnation;

-- kernels_of_server --
-- The kernels that ran under a server.
SELECT kernel_id FROM kernels WHERE server_id = :server_id;

-- lose_kernel --
-- A kernel's server is gone, and so is what ran in it: first call wins.
UPDATE kernels SET incarnation = incarnation + 1, server_id = NULL, tools = '[]'
 WHERE kernel_id = :kernel_id AND server_id = :server_id RETURNING incarnation;

-- set_kernel_tools --
-- The tools that a kernel offers now.
UPDATE kernels SET tools = :tools WHERE kernel_id = :kernel_id;

-- add_grant --
-- A person's standing yes.
INSERT INTO grants (grant_id, owner, tool, scope, covers, digest, thread_id, notebook_path, granted_by, created_at, expires_at, place)
VALUES (:grant_id, :owner, :tool, :scope, :covers, :digest, :thread_id, :notebook_path, :by, :now, :expires_at, :place);

-- grants --
-- An owner's grants that hold now; of one thread and notebook, where given.
SELECT * FROM grants
 WHERE owner = :owner AND (expires_at IS NULL OR expires_at > :now)
   AND (:everything = 1 OR (scope = 'thread' AND thread_id = :thread_id)
        OR (scope = 'notebook' AND notebook_path = :notebook_path AND place = :place))
 ORDER BY created_at, grant_id;

-- revoke_grant --
-- Take a yes back.
DELETE FROM grants WHERE grant_id = :grant_id AND owner = :owner RETURNING *;

-- rules --
-- The notebook layer of the policy.
SELECT rules FROM rules WHERE owner = :owner AND place = :place AND notebook_path = :notebook_path;

-- all_rules --
-- The rules of all notebooks of a person.
SELECT notebook_path, rules FROM rules WHERE owner = :owner AND place = :place ORDER BY notebook_path LIMIT :most;

-- put_rules --
-- Replace the notebook layer of the policy.
INSERT INTO rules (owner, place, notebook_path, rules) VALUES (:owner, :place, :notebook_path, :rules)
ON CONFLICT (owner, place, notebook_path) DO UPDATE SET rules = excluded.rules;

-- add_audit --
-- Who did, or tried, what.
INSERT INTO audit (at, owner, who, via, remote, action, thread_id, run_id, detail)
VALUES (:now, :owner, :who, :via, :remote, :action, :thread_id, :run_id, :detail);

-- notebook_changes --
-- The changes that a run's calls were used for, and those that were made.
SELECT action, detail FROM audit
 WHERE thread_id = :thread_id AND run_id = :run_id AND action IN ('notebook change', 'notebook changed')
 ORDER BY number;

-- moves_of_thread --
-- How the notebook of a thread was renamed.
SELECT detail FROM audit
 WHERE thread_id = :thread_id AND action = 'moved' AND via = 'contents'
 ORDER BY number;

-- audit --
-- What was done in an owner's name, the newest first.
SELECT * FROM audit
 WHERE owner = :owner AND (CAST(:thread_id AS TEXT) IS NULL OR thread_id = :thread_id) AND number < :before
   AND (CAST(:of_kernel AS TEXT) IS NULL OR EXISTS (SELECT 1 FROM threads t WHERE t.thread_id = audit.thread_id
        AND (t.kernel_id = :of_kernel OR (t.notebook_path = :of_notebook AND t.place = :of_place))))
 ORDER BY number DESC LIMIT :limit;

-- budget --
-- A person's own limits.
SELECT limits FROM budgets WHERE owner = :owner;

-- put_budget --
-- A person's own limits, in place of those before.
INSERT INTO budgets (owner, limits) VALUES (:owner, :limits)
ON CONFLICT (owner) DO UPDATE SET limits = excluded.limits;

-- spent --
-- What was used in each scope, and (scope 'open') what the person's requests under way may use.
SELECT s.scope, '' AS run_id, '' AS thread_id, s.tokens, s.micros, s.unpriced, s.seconds, s.raised FROM spending s
 WHERE s.owner = :owner AND s.scope = 'run' AND s.name = :root
UNION ALL
SELECT s.scope, '', '', s.tokens, s.micros, s.unpriced, s.seconds, s.raised FROM spending s
 WHERE s.owner = :owner AND s.scope = 'thread' AND s.name = :thread_id
UNION ALL
SELECT s.scope, '', '', s.tokens, s.micros, s.unpriced, s.seconds, s.raised FROM spending s
 WHERE s.owner = :owner AND s.scope = 'day' AND s.name = :day
UNION ALL
SELECT 'open', r.run_id, r.thread_id, r.tokens, r.micros, 0, 0, '{}' FROM reservations r WHERE r.owner = :owner;

-- under_way --
-- When the person's running runs began.
SELECT r.run_id, r.thread_id, l.began_at FROM runs r JOIN leases l ON l.run_id = r.run_id
 WHERE r.owner = :owner AND r.status = 'running';

-- spend --
-- More was used.
INSERT INTO spending (owner, scope, name, tokens, micros, unpriced, seconds)
VALUES (:owner, :scope, :name, :tokens, :micros, :unpriced, :seconds)
ON CONFLICT (owner, scope, name) DO UPDATE SET tokens = spending.tokens + excluded.tokens,
       micros = spending.micros + excluded.micros, unpriced = spending.unpriced + excluded.unpriced,
       seconds = spending.seconds + excluded.seconds;

-- raise_limit --
-- What a person lets a run use beyond their own limits.
INSERT INTO spending (owner, scope, name, raised) VALUES (:owner, 'run', :name, :raised)
ON CONFLICT (owner, scope, name) DO UPDATE SET raised = excluded.raised;

-- root_of_run --
-- The first of the runs that resume each other.
WITH RECURSIVE chain AS (
  SELECT run_id, parent_run_id FROM runs WHERE run_id = :run_id
  UNION ALL SELECT r.run_id, r.parent_run_id FROM chain c JOIN runs r ON r.run_id = c.parent_run_id)
SELECT run_id FROM chain WHERE parent_run_id IS NULL;

-- last_run --
-- The last run that was accepted on a thread.
SELECT run_id FROM runs WHERE thread_id = :thread_id ORDER BY number DESC LIMIT 1;

-- lease_of_worker --
-- The lease of a run, if this worker holds it.
SELECT * FROM leases WHERE run_id = :run_id AND worker_id = :worker_id;

-- tell_lease --
-- The run's worker asks before each request, and this much was used by one that ended.
UPDATE leases SET told = 1, told_tokens = told_tokens + :tokens, told_micros = told_micros + :micros WHERE run_id = :run_id;

-- add_reservation --
-- A request to a model is under way; the same again changes nothing.
INSERT INTO reservations (run_id, number, owner, thread_id, tokens, micros, likely_tokens, likely_micros)
VALUES (:run_id, :number, :owner, :thread_id, :tokens, :micros, :likely_tokens, :likely_micros)
ON CONFLICT (run_id, number) DO NOTHING;

-- drop_reservation --
-- A request has ended.
DELETE FROM reservations WHERE run_id = :run_id AND number = :number;

-- end_reservations --
-- A run has ended: nobody will say any more what its requests under way have used.
DELETE FROM reservations WHERE run_id = :run_id RETURNING *;

-- limited_runs --
-- The running runs of a pool with their owners, and whether their workers ask before each request.
SELECT r.run_id, r.owner, r.thread_id, l.told FROM leases l JOIN runs r ON r.run_id = l.run_id
 WHERE (SELECT p.pool FROM runs p WHERE p.run_id = l.run_id) = :pool;

-- running_of_all --
-- What runs, over all people, the oldest first.
SELECT r.owner, r.agent, r.model, l.server_id, l.fetched, l.began_at FROM leases l JOIN runs r ON r.run_id = l.run_id
 ORDER BY l.began_at, l.run_id LIMIT :limit;

-- waiting_of_all --
-- Who has open questions, and since when, the longest first.
SELECT r.owner AS owner, count(*) AS questions, min(i.created_at) AS first_at
  FROM interrupts i JOIN runs r ON r.run_id = i.run_id
 WHERE i.status = 'open' GROUP BY r.owner ORDER BY first_at LIMIT :limit;

-- queued_of_all --
-- Who has queued runs, and since when, the longest first.
SELECT owner, count(*) AS runs, min(created_at) AS first_at FROM runs
 WHERE status = 'queued' GROUP BY owner ORDER BY first_at LIMIT :limit;

-- spent_by_all --
-- What each person used on a day, the most expensive first.
SELECT owner, tokens, micros, unpriced FROM spending WHERE scope = 'day' AND name = :day
 ORDER BY micros DESC, tokens DESC LIMIT :limit;

-- servers_seen --
-- The servers that were seen lately.
SELECT server_id FROM servers WHERE seen_at > :since;

-- purge_spending --
-- Remove what was counted for a deleted thread and its runs; what its person used in a day stays.
DELETE FROM spending
 WHERE owner = :owner AND ((scope = 'thread' AND name = :thread_id)
        OR (scope = 'run' AND name IN (SELECT run_id FROM runs WHERE thread_id = :thread_id)));

-- add_webhook_event --
-- A webhook is to be told, unless its receiver said that it is gone.
INSERT INTO outbox (event_id, pool, hook, body, due_at, created_at)
SELECT CAST(:event_id AS TEXT), CAST(:pool AS TEXT), CAST(:hook AS TEXT), CAST(:body AS TEXT), CAST(:now AS DOUBLE PRECISION), CAST(:now AS DOUBLE PRECISION)
 WHERE NOT EXISTS (SELECT 1 FROM webhooks w WHERE w.pool = :pool AND w.hook = :hook AND w.digest = :digest AND w.off_at IS NOT NULL);

-- webhook --
-- What is known of a webhook.
SELECT * FROM webhooks WHERE pool = :pool AND hook = :hook;

-- add_webhook --
-- A webhook has its first event.
INSERT INTO webhooks (pool, hook, digest) VALUES (:pool, :hook, :digest) ON CONFLICT (pool, hook) DO NOTHING;

-- turn_webhook_on --
-- It has another address now.
UPDATE webhooks SET digest = :digest, off_at = NULL, error = '', until = 0 WHERE pool = :pool AND hook = :hook AND digest <> :digest;

-- turn_webhook_off --
-- Its receiver said that it is gone.
UPDATE webhooks SET off_at = :now, error = :error WHERE pool = :pool AND hook = :hook;

-- lease_webhook --
-- One server at a time delivers; the lease of one that is gone runs out.
UPDATE webhooks SET server_id = :server_id, until = :until
 WHERE pool = :pool AND hook = :hook AND off_at IS NULL AND (server_id = :server_id OR until <= :now);

-- release_webhook --
-- Nothing is left to deliver now.
UPDATE webhooks SET until = 0 WHERE pool = :pool AND hook = :hook AND server_id = :server_id;

-- count_delivered --
-- Its receiver has one more event.
UPDATE webhooks SET delivered = delivered + 1, error = '' WHERE pool = :pool AND hook = :hook;

-- count_failed --
-- An attempt failed.
UPDATE webhooks SET failed = failed + 1, error = :error WHERE pool = :pool AND hook = :hook;

-- count_dropped --
-- Events were dropped because they were too old or too many.
UPDATE webhooks SET dropped = dropped + :dropped WHERE pool = :pool AND hook = :hook;

-- due_webhook_events --
-- What a webhook is to be told now, the oldest first.
SELECT * FROM outbox WHERE pool = :pool AND hook = :hook AND due_at <= :now ORDER BY due_at, number LIMIT :limit;

-- next_webhook_event --
-- When a webhook is to be told next.
SELECT due_at FROM outbox WHERE pool = :pool AND hook = :hook ORDER BY due_at LIMIT 1;

-- end_webhook_event --
-- It is told.
DELETE FROM outbox WHERE number = :number;

-- delay_webhook_event --
-- It is told later.
UPDATE outbox SET attempts = attempts + 1, due_at = :due_at WHERE number = :number;

-- drop_webhook_events --
-- Nobody is there to be told.
DELETE FROM outbox WHERE pool = :pool AND hook = :hook;

-- drop_old_webhook_events --
-- Events that are too old, and the oldest of too many.
DELETE FROM outbox
 WHERE pool = :pool AND hook = :hook
   AND (created_at <= :until
        OR number <= coalesce((SELECT o.number FROM outbox o WHERE o.pool = :pool AND o.hook = :hook ORDER BY o.number DESC LIMIT 1 OFFSET :most), 0));

-- webhook_queues --
-- How much waits for each webhook of a pool.
SELECT hook, count(*) AS waiting FROM outbox WHERE pool = :pool GROUP BY hook;
