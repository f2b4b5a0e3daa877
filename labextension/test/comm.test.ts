import { commPage, ICommModel } from '../src/widget/comm';
import { finished, said, started, stateOf } from './events';
import { journal, settled } from './fakes';

/** The kernel's end of a comm, written by the test. */
class Kernel implements ICommModel {
  readonly sent: { type: string; id?: number; path?: string }[] = [];
  private _page: ((message: unknown) => void) | null = null;

  get(): unknown {
    return undefined;
  }

  on(_name: string, callback: (message: unknown) => void): void {
    this._page = callback;
  }

  off(): void {
    this._page = null;
  }

  send(content: unknown): void {
    this.sent.push(content as { type: string });
  }

  say(message: object): void {
    this._page?.(message);
  }
}

test('without a server of its own, a page reads, follows and calls through the comm', async () => {
  const kernel = new Kernel();
  const page = commPage(kernel);
  const thread = page.thread('t');

  thread.attach(() => undefined);
  const [asked] = kernel.sent;
  expect(asked).toMatchObject({ type: 'call', method: 'GET', path: 'threads/t/snapshot' });
  kernel.say({ type: 'reply', id: asked.id, status: 200, body: stateOf(started('r1', 'hello')) });
  await settled();
  kernel.say({ type: 'opened' });
  const events = journal(2, ...said('a1', 'Hi'), finished());
  kernel.say({ type: 'events', threadId: 't', events });

  expect(kernel.sent.slice(1)).toEqual([
    { type: 'open' },
    { type: 'follow', threadId: 't', cursor: 1 }
  ]);
  expect(thread.state.status).toBe('idle');
  expect(page.socket.connection.state).toBe('live');
});

test('views of one widget share its page; a closed comm reconnects', async () => {
  const kernel = new Kernel();
  const page = commPage(kernel);
  expect(commPage(kernel)).toBe(page);
  page.socket.hold();
  kernel.say({ type: 'opened' });

  kernel.say({ type: 'closed' });
  await settled();

  expect(page.socket.connection.state).toBe('reconnecting');
});
