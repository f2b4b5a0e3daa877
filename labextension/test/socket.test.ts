import { IFollower, Socket } from '../src/core/socket';
import { backOff } from '../src/core/time';
import { IEntry, IWireError } from '../src/core/wire';
import { FakeChannel, FakeClock, journal, settled } from './fakes';

class Follower implements IFollower {
  readonly got: IEntry[] = [];
  readonly errors: IWireError[] = [];
  at = 0;

  cursor(): number {
    return this.at;
  }

  onEvents(events: IEntry[]): void {
    this.got.push(...events);
    this.at = events[events.length - 1].seq;
  }

  onState(): void {
    // not looked at here
  }

  onError(error: IWireError): void {
    this.errors.push(error);
  }
}

function rig(refusal?: () => Promise<string | null>) {
  const clock = new FakeClock();
  const channels: FakeChannel[] = [];
  const connect = (): FakeChannel => {
    channels.push(new FakeChannel());
    return channels[channels.length - 1];
  };
  const socket = new Socket({ connect, clock, refusal });
  const states: string[] = [];
  socket.watch(() => states.push(socket.connection.state));
  return { clock, channels, socket, states };
}

test('E32: twenty threads share one connection', () => {
  const { channels, socket } = rig();

  for (let i = 0; i < 20; i++) {
    socket.follow(`t${i}`, new Follower());
  }
  channels[0].open();

  expect(channels).toHaveLength(1);
  expect(channels[0].sent).toHaveLength(20);
});

test('H16: while connecting, connected or waiting to reconnect there is one attempt at a time', async () => {
  const { channels, clock, socket } = rig();

  socket.follow('t1', new Follower());
  socket.follow('t2', new Follower());
  socket.retry();
  expect(channels).toHaveLength(1); // connecting

  channels[0].open();
  socket.retry();
  socket.follow('t3', new Follower());
  expect(channels).toHaveLength(1); // connected

  channels[0].drop();
  socket.follow('t4', new Follower());
  await settled();
  expect(channels).toHaveLength(1); // waiting

  socket.retry();
  socket.retry();
  await clock.advance(60_000);
  expect(channels.filter(c => !c.closed)).toHaveLength(1); // the hurried try took the place of the due one
});

test('H16: a late close of an old connection does not end the new one', async () => {
  const { channels, clock, socket } = rig();
  socket.follow('t1', new Follower());
  channels[0].open();
  channels[0].drop();
  await clock.advance(1000);
  channels[1].open();

  channels[0].onclose?.();

  expect(socket.connection.state).toBe('live');
  expect(channels).toHaveLength(2);
});

test('E27: a cut connection comes back quietly and goes on from the cursor', async () => {
  const { channels, clock, socket, states } = rig();
  const follower = new Follower();
  socket.follow('t1', follower);
  channels[0].open();
  channels[0].events('t1', ...journal(1, { type: 'A' }, { type: 'B' }));

  channels[0].drop();
  await clock.advance(1000);
  channels[1].open();

  expect(states).toEqual(['connecting', 'live', 'reconnecting', 'connecting', 'live']);
  expect(channels[1].sent).toEqual([{ type: 'follow', threadId: 't1', cursor: 2 }]);
  expect(follower.errors).toEqual([]);
});

test('E27: the waits double to half a minute, with jitter, and start anew after success', async () => {
  const { channels, clock, socket } = rig();
  socket.follow('t1', new Follower());
  const wait = (): number => {
    const { connection } = socket;
    return connection.state === 'reconnecting' ? connection.retryAt - clock.now() : -1;
  };
  const waits: number[] = [];
  for (let i = 0; i < 9; i++) {
    channels[i].drop();
    waits.push(wait());
    await clock.advance(wait());
  }

  expect(waits).toEqual([500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000]);
  expect(backOff(3, () => 0)).toBe(1000);

  channels[channels.length - 1].open();
  channels[channels.length - 1].drop();
  expect(wait()).toBe(500);
});

test('E17: a half-open connection is hung up after three missed heartbeats, and made again', async () => {
  const { channels, clock, socket } = rig();
  socket.follow('t1', new Follower());
  channels[0].open();
  await clock.advance(30_000);
  channels[0].say({ type: 'heartbeat' });
  await clock.advance(44_000);
  expect(channels[0].closed).toBe(false);

  await clock.advance(2_000);

  expect(channels[0].closed).toBe(true);
  expect(channels).toHaveLength(2);
});

test('a held connection that follows nothing stays', async () => {
  const { channels, clock, socket } = rig();
  socket.hold();
  channels[0].open();

  await clock.advance(300_000);

  expect(channels).toHaveLength(1);
  expect(socket.connection.state).toBe('live');
});

test('a server that will never answer is not asked for ever, until the person says so', async () => {
  const { channels, clock, socket } = rig(() => Promise.resolve('no-extension'));
  socket.follow('t1', new Follower());
  channels[0].drop();
  await clock.advance(1000);
  channels[1].drop();
  await clock.advance(600_000);

  expect(socket.connection).toEqual({ state: 'gone', why: 'no-extension' });
  expect(channels).toHaveLength(2);

  socket.retry();
  channels[2].open();
  expect(socket.connection.state).toBe('live');
});

test('what comes for a thread that nobody follows any more is dropped', () => {
  const { channels, socket } = rig();
  const follower = new Follower();
  const end = socket.follow('t1', follower);
  channels[0].open();

  end();
  channels[0].events('t1', ...journal(1, { type: 'A' }));

  expect(channels[0].sent).toContainEqual({ type: 'unfollow', threadId: 't1' });
  expect(follower.got).toEqual([]);
});

test('the notebooks of the page are offered anew on each connection, and asked about', async () => {
  const { channels, clock, socket } = rig();
  const asked: string[] = [];
  socket.offer(['a.ipynb'], (path, request) => {
    asked.push(`${path} ${request.do}`);
    return request.do === 'delete'
      ? Promise.reject(new Error('oh'))
      : Promise.resolve({ done: true });
  });

  channels[0].open();
  channels[0].drop();
  await clock.advance(2_000);
  channels[1].open();
  channels[1].say({ type: 'notebook', id: 0, path: 'a.ipynb', request: { do: 'ping' } });
  channels[1].say({ type: 'notebook', id: 1, path: 'a.ipynb', request: { do: 'read' } });
  channels[1].say({
    type: 'notebook',
    id: 2,
    path: 'a.ipynb',
    request: { do: 'delete', cell: 'c', was: '' }
  });
  await settled();

  const offer = { type: 'offer', paths: ['a.ipynb'], front: false };
  expect(channels[0].sent).toEqual([offer]);
  expect(channels[1].sent).toEqual([
    offer,
    { type: 'answer', id: 0, answer: {} },
    { type: 'answer', id: 1, answer: { done: true } },
    {
      type: 'answer',
      id: 2,
      answer: { refused: 'The page that has a.ipynb open failed: Error: oh' }
    }
  ]);
  expect(asked).toEqual(['a.ipynb read', 'a.ipynb delete']);
});
