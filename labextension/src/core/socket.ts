/**
 * The page's one connection, for all its threads.
 *
 * A follower names a thread and the cursor it has; whenever the connection is there it is followed
 * from that cursor. Lost, it comes back by itself: one attempt at a time, with back-off, quietly.
 */
import { backOff, IClock, realClock } from './time';
import {
  DownMessage,
  IEntry,
  INotebookRequest,
  IWireError,
  JsonObject,
  ThreadStatus,
  UpMessage
} from './wire';

/** A connection that is being made, or is made: the part of WebSocket that we use. */
export interface IChannel {
  onopen: (() => void) | null;
  onmessage: ((message: { data: unknown }) => void) | null;
  onclose: (() => void) | null;
  send(text: string): void;
  close(): void;
}

/** Where the connection stands. `retryAt`: Unix ms of the next try. */
export type Connection =
  | { state: 'connecting' }
  | { state: 'live' }
  | { state: 'reconnecting'; retryAt: number }
  | { state: 'gone'; why: string };

/** Who follows one thread. */
export interface IFollower {
  cursor(): number;
  onEvents(events: IEntry[]): void;
  onState(status: ThreadStatus, cursor: number): void;
  onError(error: IWireError): void;
}

/** Reads or changes the open notebook at a path. */
export type NotebookAnswer = (path: string, request: INotebookRequest) => Promise<JsonObject>;

export interface ISocketOptions {
  connect(): IChannel;
  /** After a failed try: why it is no use to go on (signed out, no extension), or null. */
  refusal?: () => Promise<string | null>;
  clock?: IClock;
}

const SILENCE_MS = 45_000; // three heartbeats of the server
const OPEN_MS = 20_000;
const MOST_ANSWERED = 1_000_000; // characters: the server takes 4 MB, and a character has up to 4 bytes
const GIVE_UP_MS = 10 * 60_000;

export class Socket {
  constructor(private readonly _options: ISocketOptions) {
    this._clock = _options.clock ?? realClock;
  }

  get connection(): Connection {
    return this._connection;
  }

  /** Be told of each change of {@link connection}; the answer ends it. */
  watch(listener: () => void): () => void {
    this._listeners.add(listener);
    return () => this._listeners.delete(listener);
  }

  /** Be connected from now on, also while nothing is followed. */
  hold(): void {
    this._held = true;
    this._wake();
  }

  /** Be told when a thread was made, changed or deleted, or its work began, waits or ended: look again. */
  onChanged(listener: () => void): () => void {
    this._watchers.add(listener);
    this._held = true;
    if (this._connection.state === 'live') {
      this._send({ type: 'watch' });
    } else {
      this._wake();
    }
    return () => this._watchers.delete(listener);
  }

  /** Be told the same where another part of the page asked for it; for its own sake it is not asked for. */
  onHeard(listener: () => void): void {
    this._hearers.push(listener);
  }

  /** Say which notebooks this page has open, and answer what agents ask of them. */
  offer(paths: string[], answer: NotebookAnswer): void {
    this._offered = { paths, answer };
    this._held = true;
    if (this._connection.state === 'live') {
      this._send({ type: 'offer', paths, front: document.hasFocus() });
    } else {
      this._wake();
    }
  }

  /** Follow a thread; the answer ends it. There is one follower per thread. */
  follow(threadId: string, follower: IFollower): () => void {
    this._followers.set(threadId, follower);
    if (this._connection.state === 'live') {
      this._send({ type: 'follow', threadId, cursor: follower.cursor() });
      this._expect(SILENCE_MS);
    } else {
      this._wake();
    }
    return () => {
      if (this._followers.get(threadId) === follower) {
        this._followers.delete(threadId);
        this._send({ type: 'unfollow', threadId });
        this._expect(SILENCE_MS);
      }
    };
  }

  /** Follow a thread anew from its follower's cursor: after a gap. */
  refollow(threadId: string): void {
    const follower = this._followers.get(threadId);
    if (follower !== undefined) {
      this._send({ type: 'unfollow', threadId });
      this._send({ type: 'follow', threadId, cursor: follower.cursor() });
    }
  }

  /** Try now, if a try is due later or was given up. Harmless in every other state. */
  retry(): void {
    if (this._channel === null && !this._asking && this._wanted) {
      this._lostAt = this._clock.now();
      this._attempt = 0;
      this._connect();
    }
  }

  private get _wanted(): boolean {
    return this._held || this._followers.size > 0;
  }

  private _wake(): void {
    const idle = this._channel === null && this._cancelRetry === null;
    if (idle && !this._asking && this._connection.state !== 'gone') {
      this._lostAt = this._clock.now();
      this._connect();
    }
  }

  private _connect(): void {
    this._cancelRetry?.();
    this._cancelRetry = null;
    this._set({ state: 'connecting' });
    const channel = this._options.connect();
    this._channel = channel;
    this._expect(OPEN_MS);
    channel.onopen = () => this._opened(channel);
    channel.onmessage = message => this._received(channel, message.data);
    channel.onclose = () => this._closed(channel);
  }

  private _opened(channel: IChannel): void {
    if (channel !== this._channel) {
      return;
    }
    this._attempt = 0;
    this._set({ state: 'live' });
    this._expect(SILENCE_MS);
    if (this._watchers.size > 0) {
      this._send({ type: 'watch' });
    }
    if (this._offered !== null) {
      this._send({ type: 'offer', paths: this._offered.paths, front: document.hasFocus() });
    }
    for (const [threadId, follower] of this._followers) {
      this._send({ type: 'follow', threadId, cursor: follower.cursor() });
    }
  }

  private _received(channel: IChannel, data: unknown): void {
    if (channel !== this._channel) {
      return;
    }
    this._expect(SILENCE_MS);
    const message = JSON.parse(String(data)) as DownMessage;
    if (message.type === 'heartbeat') {
      return;
    }
    if (message.type === 'changed') {
      [...this._watchers, ...this._hearers].forEach(listener => listener());
      return;
    }
    if (message.type === 'notebook') {
      void this._answer(message);
      return;
    }
    const follower = this._followers.get(message.threadId ?? '');
    if (follower === undefined) {
      return; // unfollowed while it was on its way
    }
    if (message.type === 'events') {
      follower.onEvents(message.events);
    } else if (message.type === 'state') {
      follower.onState(message.status, message.cursor);
    } else if (message.type === 'error') {
      follower.onError(message.error);
    }
  }

  private async _answer(asked: Extract<DownMessage, { type: 'notebook' }>): Promise<void> {
    if (asked.request.do === 'ping') {
      this._send({ type: 'answer', id: asked.id, answer: {} });
      return;
    }
    let answer: JsonObject;
    try {
      answer = (await this._offered?.answer(asked.path, asked.request)) ?? {
        refused: `${asked.path} is not open in this page.`
      };
    } catch (error) {
      answer = { refused: `The page that has ${asked.path} open failed: ${String(error)}` };
    }
    if (JSON.stringify(answer).length > MOST_ANSWERED) {
      answer = { refused: `${asked.path} is too large to be read at once. Read single cells.` };
    }
    this._send({ type: 'answer', id: asked.id, answer });
  }

  private _closed(channel: IChannel): void {
    if (channel !== this._channel) {
      return;
    }
    this._channel = null;
    this._cancelSilence?.();
    this._cancelSilence = null;
    if (this._connection.state === 'live') {
      this._lostAt = this._clock.now();
    }
    if (!this._wanted) {
      this._set({ state: 'connecting' }); // nobody asks: the next follower connects
      return;
    }
    this._attempt += 1;
    void this._later();
  }

  private async _later(): Promise<void> {
    const wait = backOff(this._attempt, () => this._clock.random());
    const retryAt = this._clock.now() + wait;
    this._set({ state: 'reconnecting', retryAt });
    if (this._attempt > 1 && this._options.refusal !== undefined) {
      this._asking = true;
      const why = await this._options.refusal();
      this._asking = false;
      if (why !== null) {
        this._set({ state: 'gone', why });
        return;
      }
    }
    if (this._clock.now() - this._lostAt > GIVE_UP_MS) {
      this._set({ state: 'gone', why: '' });
      return;
    }
    const left = Math.max(0, retryAt - this._clock.now());
    this._cancelRetry = this._clock.after(left, () => this._connect());
  }

  /**
   * Hang up on a connection that stays silent: a half-open socket never closes by itself. What is
   * followed has heartbeats, and a connection that follows nothing may be silent.
   */
  private _expect(ms: number): void {
    this._cancelSilence?.();
    this._cancelSilence = null;
    const quiet = this._followers.size === 0 && this._watchers.size === 0;
    if (this._connection.state === 'live' && quiet) {
      return;
    }
    const channel = this._channel;
    this._cancelSilence = this._clock.after(ms, () => {
      if (channel !== null && channel === this._channel) {
        channel.close();
        this._closed(channel);
      }
    });
  }

  private _send(message: UpMessage): void {
    if (this._connection.state === 'live') {
      this._channel?.send(JSON.stringify(message));
    }
  }

  private _set(connection: Connection): void {
    this._connection = connection;
    for (const listener of [...this._listeners]) {
      listener();
    }
  }

  private readonly _clock: IClock;
  private readonly _followers = new Map<string, IFollower>();
  private readonly _listeners = new Set<() => void>();
  private readonly _watchers = new Set<() => void>();
  private readonly _hearers: (() => void)[] = [];
  private _offered: { paths: string[]; answer: NotebookAnswer } | null = null;
  private _connection: Connection = { state: 'connecting' };
  private _channel: IChannel | null = null;
  private _cancelRetry: (() => void) | null = null;
  private _cancelSilence: (() => void) | null = null;
  private _held = false;
  private _asking = false;
  private _attempt = 0;
  private _lostAt = 0;
}
