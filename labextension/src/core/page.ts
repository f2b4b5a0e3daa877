/**
 * What all outputs, panels and widgets of a browser page share: one connection, one store per
 * thread, and what the host (JupyterLab, or nothing) offers to their views.
 */
import { Api, Carrier } from './api';
import { Grants } from './grants';
import { IHost, plainHost } from './host';
import { PAUSE_MS, Sight } from './sight';
import { IChannel, Socket } from './socket';
import { Thread } from './thread';
import { IClock, realClock } from './time';

export interface IPageOptions {
  carry: Carrier;
  connect: () => IChannel;
  host?: IHost;
  clock?: IClock;
  /** Milliseconds until a new question takes a decision. */
  pause?: number;
}

export class Page {
  constructor(options: IPageOptions) {
    this.clock = options.clock ?? realClock;
    this.host = options.host ?? plainHost;
    this.api = new Api(options.carry, this.clock);
    this.socket = new Socket({
      connect: options.connect,
      refusal: () => this.api.refusal(),
      clock: this.clock
    });
    this.grants = new Grants(this.api, this.socket);
    this.sight = new Sight(this.clock, options.pause ?? PAUSE_MS);
    this.socket.watch(() => this._connectionChanged());
  }

  readonly clock: IClock;
  readonly api: Api;
  readonly socket: Socket;
  readonly grants: Grants;
  readonly sight: Sight;
  host: IHost;

  /** The page's one store of that thread. */
  thread(threadId: string): Thread {
    let thread = this._threads.get(threadId);
    if (thread === undefined) {
      thread = new Thread(threadId, this.api, this.socket, this.clock);
      this._threads.set(threadId, thread);
    }
    return thread;
  }

  /** Try to reach the server now. */
  retry(): void {
    this.socket.retry();
    for (const thread of this._threads.values()) {
      if (thread.attached) {
        void thread.load();
      }
    }
  }

  private _connectionChanged(): void {
    const live = this.socket.connection.state === 'live';
    for (const thread of this._threads.values()) {
      if (live && thread.attached && thread.presence === 'failed') {
        void thread.load();
      }
      thread.changed();
    }
  }

  private readonly _threads = new Map<string, Thread>();
}
