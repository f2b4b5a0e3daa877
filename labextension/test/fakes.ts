/** Stand-ins for time, the connection and the server, moved by the tests. */
import { IReply } from '../src/core/api';
import { Page } from '../src/core/page';
import { IChannel } from '../src/core/socket';
import { IClock } from '../src/core/time';
import { AgEvent, IEntry, UpMessage } from '../src/core/wire';

export class FakeClock implements IClock {
  private _now = 1_800_000_000_000;
  private _timers: { at: number; then: () => void }[] = [];

  now(): number {
    return this._now;
  }

  random(): number {
    return 1;
  }

  after(ms: number, then: () => void): () => void {
    const timer = { at: this._now + ms, then };
    this._timers.push(timer);
    return () => {
      this._timers = this._timers.filter(one => one !== timer);
    };
  }

  get waiting(): number {
    return this._timers.length;
  }

  /** Let `ms` pass, with all that falls due. */
  async advance(ms: number): Promise<void> {
    await settled();
    const until = this._now + ms;
    for (;;) {
      const due = this._timers.filter(t => t.at <= until).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) {
        break;
      }
      this._timers = this._timers.filter(one => one !== due);
      this._now = Math.max(this._now, due.at);
      due.then();
      await settled();
    }
    this._now = until;
    await settled();
  }
}

/** Let all promises that can go on, go on. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 20; i++) {
    await Promise.resolve();
  }
}

export class FakeChannel implements IChannel {
  onopen: (() => void) | null = null;
  onmessage: ((message: { data: unknown }) => void) | null = null;
  onclose: (() => void) | null = null;
  readonly sent: UpMessage[] = [];
  closed = false;

  send(text: string): void {
    this.sent.push(JSON.parse(text) as UpMessage);
  }

  close(): void {
    this.closed = true;
  }

  open(): void {
    this.onopen?.();
  }

  drop(): void {
    this.closed = true;
    this.onclose?.();
  }

  say(message: object): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }

  events(threadId: string, ...entries: IEntry[]): void {
    this.say({ type: 'events', threadId, events: entries });
  }
}

export interface ICall {
  method: string;
  path: string;
  body?: unknown;
}

type Answer = IReply | Error;

/** A server that answers what it is told to, and a page that talks to it. */
export class FakeServer {
  readonly clock = new FakeClock();
  readonly channels: FakeChannel[] = [];
  readonly calls: ICall[] = [];
  readonly answers = new Map<string, Answer | (() => Answer | Promise<Answer>)>();

  readonly page = new Page({
    pause: 0,
    clock: this.clock,
    connect: () => {
      const channel = new FakeChannel();
      this.channels.push(channel);
      return channel;
    },
    carry: (method, path, body) => this.carry(method, path, body)
  });

  readonly carry = async (method: string, path: string, body?: unknown): Promise<IReply> => {
    this.calls.push({ method, path, body });
    const answer = this.answers.get(`${method} ${path}`) ?? reply(404, NOT_FOUND);
    const given = typeof answer === 'function' ? await answer() : answer;
    if (given instanceof Error) {
      throw given;
    }
    return given;
  };

  get channel(): FakeChannel {
    return this.channels[this.channels.length - 1];
  }

  callsTo(path: string): ICall[] {
    return this.calls.filter(call => call.path === path);
  }

  /** A thread whose journal so far is `events`, live on this page. */
  async live(threadId: string, snapshot: object): Promise<void> {
    this.answers.set(`GET threads/${threadId}/snapshot`, reply(200, snapshot));
    this.page.thread(threadId).attach(() => undefined);
    await settled();
    this.channel.open();
  }
}

const NOT_FOUND = { error: { code: 'thread_not_found', message: 'There is no such thread.' } };

export function reply(status: number, body: unknown): IReply {
  return { status, body: JSON.parse(JSON.stringify(body)) as unknown };
}

/** Events with their seqs, from `first` on. */
export function journal(first: number, ...events: object[]): IEntry[] {
  return events.map((event, i) => ({ seq: first + i, event: event as AgEvent }));
}
