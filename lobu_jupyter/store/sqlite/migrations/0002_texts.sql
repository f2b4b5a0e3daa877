-- What was said in a run that has ended: its prompt and the agent's words, to search in.
-- Written with the run's end; derived, so it can be made again from runs and events.
CREATE TABLE texts (
  thread_id TEXT NOT NULL,
  run_id    TEXT NOT NULL,
  text      TEXT NOT NULL,
  PRIMARY KEY (thread_id, run_id)
);
INSERT OR REPLACE INTO texts (thread_id, run_id, text)
SELECT r.thread_id, r.run_id,
       coalesce(CASE json_type(r.request, '$.message.content') WHEN 'text' THEN r.request ->> '$.message.content'
                ELSE (SELECT group_concat(p.value ->> 'text', ' ') FROM json_each(r.request, '$.message.content') p) END, '')
       || char(10) ||
       coalesce((SELECT group_concat(CAST(e.body AS TEXT) ->> 'delta', '') FROM events e
                  WHERE e.thread_id = r.thread_id AND e.seq >= r.start_cursor AND e.run_id = r.run_id
                    AND instr(e.body, CAST('"TEXT_MESSAGE_CONTENT"' AS BLOB)) > 0
                    AND CAST(e.body AS TEXT) ->> 'type' = 'TEXT_MESSAGE_CONTENT'), '')
  FROM runs r WHERE r.ended_at IS NOT NULL;
