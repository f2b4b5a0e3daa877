/** How a page's WebSocket shows whose it is. */
import { webSocket } from '../src/core/browser';

class FakeSocket extends EventTarget {
  static made: FakeSocket[] = [];
  readonly url: string;
  constructor(url: URL) {
    super();
    this.url = url.href;
    FakeSocket.made.push(this);
  }
  fail(): void {
    this.dispatchEvent(new Event('close'));
  }
  open(): void {
    this.dispatchEvent(new Event('open'));
  }
}

/** The addresses of connections, of which each that is refused is followed by another. */
function tried(wsUrl: string, token: string, refused: (url: string) => boolean): string[] {
  FakeSocket.made = [];
  const connect = webSocket({ baseUrl: 'http://localhost/', wsUrl, token });
  for (let n = 0; n < 4; n++) {
    connect();
    const socket = FakeSocket.made[n];
    if (!refused(socket.url)) {
      socket.open();
    }
    socket.fail();
  }
  return FakeSocket.made.map(({ url }) => url.replace(`${wsUrl}lobu/api/`, ''));
}

describe('webSocket', () => {
  const real = globalThis.WebSocket;
  beforeAll(() => {
    globalThis.WebSocket = FakeSocket as unknown as typeof WebSocket;
  });
  afterAll(() => {
    globalThis.WebSocket = real;
  });

  it('goes by the cookie, also after a connection that broke', () => {
    expect(tried('ws://localhost/', 'secret', () => false)).toEqual(Array(4).fill('socket'));
  });

  it('shows the token where a cookie alone is refused, and keeps to it', () => {
    const hardened = tried('ws://localhost/', 'secret', url => !url.includes('token='));

    expect(hardened).toEqual([
      'socket',
      'socket?token=secret',
      'socket?token=secret',
      'socket?token=secret'
    ]);
  });

  it('comes back to the cookie where the token is refused', () => {
    const stale = tried('ws://localhost/', 'old', url => url.includes('token='));

    expect(stale).toEqual(Array(4).fill('socket'));
  });

  it('has the token from the first on where hosts differ', () => {
    expect(tried('ws://elsewhere/', 'secret', () => false)).toEqual(
      Array(4).fill('socket?token=secret')
    );
  });

  it('has nothing to show on a page without one', () => {
    expect(tried('ws://localhost/', '', () => true)).toEqual(Array(4).fill('socket'));
  });
});
