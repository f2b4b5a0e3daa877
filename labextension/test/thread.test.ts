import { empty } from '../src/core/fold';
import { called, decided, finished, said, started, stateOf, waitingFor } from './events';
import { FakeServer, journal, reply, settled } from './fakes';

const PAUSED = waitingFor('df.dropna()');

function texts(server: FakeServer): unknown[] {
  const { items } = server.page.thread('t').state;
  return items.map(item => ('content' in item ? item.content : item.kind));
}

test('a thread is its snapshot and the tail after it', async () => {
  const server = new FakeServer();
  await server.live('t', stateOf(started('r1', 'hello'), ...said('a1', 'Hi').slice(0, 2)));

  server.channel.events('t', ...journal(4, ...said('a1', ' there').slice(1), finished()));

  expect(server.channel.sent).toEqual([{ type: 'follow', threadId: 't', cursor: 3 }]);
  expect(texts(server)).toEqual(['hello', 'Hi there']);
});

test('E12: two equal events are both shown, one event that comes twice once', async () => {
  const server = new FakeServer();
  await server.live('t', empty());
  const [start, token] = said('a1', 'ha');

  server.channel.events('t', ...journal(1, started('r1'), start, token, token));
  server.channel.events('t', ...journal(3, token, token));

  expect(texts(server)).toEqual(['haha']);
});

test('E28: every part of a batch is applied, in order', async () => {
  const server = new FakeServer();
  await server.live('t', empty());
  const letters = 'abcdefghij'.split('');

  server.channel.events('t', ...journal(1, started('r1'), ...said('a1', ...letters)));

  expect(texts(server)).toEqual(['abcdefghij']);
});

test('E25: an older or empty snapshot never erases what is shown', async () => {
  const server = new FakeServer();
  await server.live('t', empty());
  const thread = server.page.thread('t');
  server.channel.events('t', ...journal(1, started('r1'), ...said('a1', 'kept')));
  server.channel.say({ type: 'error', threadId: 't', error: { code: 'internal', message: '?' } });

  await thread.load(); // answered with the empty snapshot

  expect(texts(server)).toEqual(['kept']);
  expect(thread.presence).toBe('ready');
});

test('a gap is never folded: the thread is followed anew from the last seq', async () => {
  const server = new FakeServer();
  await server.live('t', empty());

  server.channel.events('t', ...journal(1, started('r1', 'hello')));
  server.channel.events('t', ...journal(5, finished()));

  expect(server.page.thread('t').state.cursor).toBe(1);
  expect(server.channel.sent.slice(-2)).toEqual([
    { type: 'unfollow', threadId: 't' },
    { type: 'follow', threadId: 't', cursor: 1 }
  ]);
});

test('E26: a thread that is deleted while it is shown says so once and keeps what it showed', async () => {
  const server = new FakeServer();
  await server.live('t', stateOf(started('r1', 'hello')));
  const error = { code: 'thread_not_found', message: 'deleted' };

  server.channel.say({ type: 'error', threadId: 't', error });
  await server.clock.advance(120_000);

  expect(server.page.thread('t').presence).toBe('deleted');
  expect(texts(server)).toEqual(['hello']);
  expect(server.callsTo('threads/t/snapshot')).toHaveLength(1);
  expect(server.channels).toHaveLength(1);
});

test('a thread whose store was away comes back by itself', async () => {
  const server = new FakeServer();
  await server.live('t', stateOf(started('r1', 'hello')));
  server.page.thread('t').attach(() => undefined);
  const error = { code: 'store_unavailable', message: 'The disk is full.' };
  server.channel.say({ type: 'error', threadId: 't', error });
  expect(server.page.thread('t').presence).toBe('failed');

  await server.clock.advance(10_000);
  server.channel.events('t', ...journal(2, ...said('a1', 'again')));

  expect(server.page.thread('t').presence).toBe('ready');
  expect(texts(server)).toEqual(['hello', 'again']);
});

test('E31: a quiet journal of a running run stays open and running', async () => {
  const server = new FakeServer();
  await server.live('t', stateOf(started('r1', 'hello')));

  server.channel.drop();
  await server.clock.advance(1000);
  server.channel.open();
  server.channel.say({ type: 'state', threadId: 't', status: 'running', cursor: 1 });

  expect(server.page.thread('t').state.status).toBe('running');
  expect(server.page.socket.connection.state).toBe('live');
});

test('E33: a view that is scrolled away and back finds the state at once, without a reconnect', async () => {
  const server = new FakeServer();
  await server.live('other', empty());
  server.answers.set('GET threads/t/snapshot', reply(200, stateOf(started('r1', 'hello'))));
  const thread = server.page.thread('t');
  const detach = thread.attach(() => undefined);
  await settled();

  detach();
  await server.clock.advance(10_000);
  server.channel.events('t', ...journal(2, ...said('a1', 'while away')));
  thread.attach(() => undefined);

  expect(texts(server)).toEqual(['hello', 'while away']);
  expect(server.callsTo('threads/t/snapshot')).toHaveLength(1);
  expect(server.channels).toHaveLength(1);
});

test('E33: a view that comes back late follows from where it stood', async () => {
  const server = new FakeServer();
  server.page.socket.hold();
  server.answers.set('GET threads/t/snapshot', reply(200, stateOf(started('r1', 'hello'))));
  const thread = server.page.thread('t');
  const detach = thread.attach(() => undefined);
  server.channel.open();
  await settled();

  detach();
  await server.clock.advance(31_000);
  thread.attach(() => undefined);

  expect(server.channel.sent).toEqual([
    { type: 'follow', threadId: 't', cursor: 1 },
    { type: 'unfollow', threadId: 't' },
    { type: 'follow', threadId: 't', cursor: 1 }
  ]);
});

test('a server that is away when the page opens: the journal is read when it comes', async () => {
  const server = new FakeServer();
  server.answers.set('GET threads/t/snapshot', new Error('connection refused'));
  const thread = server.page.thread('t');
  thread.attach(() => undefined);
  await server.clock.advance(5000);

  server.channel.open();
  server.channel.events('t', ...journal(1, started('r1', 'hello'), finished()));

  expect(server.channel.sent).toEqual([{ type: 'follow', threadId: 't', cursor: 0 }]);
  expect(thread.presence).toBe('ready');
  expect(texts(server)).toEqual(['hello']);
});

test.each([403, 404])(
  'a thread that is not ours (%s) is missing, and not asked for again',
  async status => {
    const server = new FakeServer();
    server.answers.set(
      'GET threads/t/snapshot',
      reply(status, { error: { code: 'x', message: 'no' } })
    );

    server.page.thread('t').attach(() => undefined);
    await server.clock.advance(120_000);

    expect(server.page.thread('t').presence).toBe('missing');
    expect(server.calls).toHaveLength(1);
    expect(server.channels).toHaveLength(0);
  }
);

test('A32: a batch is sent once, however often it is clicked', async () => {
  const server = new FakeServer();
  await server.live('t', stateOf(...PAUSED));
  const thread = server.page.thread('t');
  const entry = { interruptId: 'i1', status: 'resolved' as const, payload: { approved: true } };
  server.answers.set(
    'POST threads/t/resume',
    reply(202, { runId: 'r2', threadId: 't', cursor: 5 })
  );

  await Promise.all([thread.resume([entry]), thread.resume([entry])]);

  expect(server.callsTo('threads/t/resume')).toHaveLength(1);
  expect(thread.isSent('i1')).toBe(true);
});

test('A32: a submit that failed stays actionable and says why', async () => {
  const server = new FakeServer();
  await server.live('t', stateOf(...PAUSED));
  const thread = server.page.thread('t');
  thread.drafts.set('i1', { kind: 'approve' });
  const error = { code: 'too_many_runs', message: 'Too many runs are under way.' };
  server.answers.set('POST threads/t/resume', reply(429, { error }));

  const entry = { interruptId: 'i1', status: 'resolved' as const, payload: { approved: true } };

  expect(await thread.resume([entry])).toBeNull();
  expect(thread.problem).toBe('Too many runs are under way.');
  expect(thread.isSent('i1')).toBe(false);
  expect(thread.drafts.has('i1')).toBe(true);
});

test('A32: what was decided elsewhere takes its draft with it', async () => {
  const server = new FakeServer();
  await server.live('t', stateOf(...PAUSED));
  const thread = server.page.thread('t');
  thread.drafts.set('i1', { kind: 'reject', reason: 'half a sen' });
  const { cursor } = thread.state;

  server.channel.events(
    't',
    ...journal(cursor + 1, started('r2', undefined, 'r1'), decided('i1', 'c1', 'approve'))
  );

  expect(thread.drafts.size).toBe(0);
  expect(thread.state.interrupts).toEqual([]);
});

test('S14: a start whose answer was lost is sent again with the same request id', async () => {
  const server = new FakeServer();
  await server.live('t', empty());
  let tries = 0;
  server.answers.set('POST threads/t/runs', () =>
    ++tries < 3 ? new Error('cut') : reply(202, { runId: 'r1', threadId: 't', cursor: 0 })
  );

  const start = server.page.thread('t').start({ prompt: 'hello' });
  await server.clock.advance(10_000);

  expect((await start)?.runId).toBe('r1');
  const ids = server
    .callsTo('threads/t/runs')
    .map(c => (c.body as { clientRequestId: string }).clientRequestId);
  expect(new Set(ids).size).toBe(1);
  expect(ids).toHaveLength(3);
});

test('a message that waits its turn is shown as queued until its run begins', async () => {
  const server = new FakeServer();
  await server.live(
    't',
    stateOf(started('r1', 'first'), ...called('c1', 'run_code', { code: '1' }))
  );
  const thread = server.page.thread('t');
  server.answers.set('POST threads/t/runs', reply(202, { runId: 'r2', threadId: 't', cursor: 4 }));

  await thread.start({ prompt: 'second', ifRunning: 'queue' });
  expect(thread.queued).toEqual([{ runId: 'r2', prompt: 'second' }]);

  server.channel.events('t', ...journal(5, finished(), started('r2', 'second')));
  expect(thread.queued).toEqual([]);
});

test('Stop puts what is queued back into the box, before it stops the run', async () => {
  const server = new FakeServer();
  await server.live(
    't',
    stateOf(started('r1', 'first'), ...called('c1', 'run_code', { code: '1' }))
  );
  const thread = server.page.thread('t');
  thread.message = 'half a sentence';
  thread.queued = ['second', 'third', 'fourth'].map((prompt, n) => ({
    runId: `r${n + 2}`,
    prompt
  }));
  for (const runId of ['r1', 'r2', 'r3']) {
    server.answers.set(`POST runs/${runId}/cancel`, reply(200, { runId }));
  }

  await thread.stop('r1');

  expect(thread.message).toBe('second\n\nthird\n\nhalf a sentence');
  expect(thread.queued.map(one => one.prompt)).toEqual(['fourth']); // it could not be had back
  expect(server.calls[server.calls.length - 1].path).toBe('runs/r1/cancel');
});
