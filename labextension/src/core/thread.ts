/**
 * One thread on this page: snapshot, then tail, for as many views as there are.
 *
 * Views come and go as a notebook scrolls; the state stays, and the thread is followed while one
 * view is attached and a little longer. Each event is taken once, by its seq.
 */
import { Api, CallError, IStart } from './api';
import { Draft } from './decide';
import { Fold } from './fold';
import { object } from './json';
import { Socket } from './socket';
import { IClock } from './time';
import { IEntry, IInterrupt, IResumeEntry, IStarted, IState, IWireError, Json } from './wire';

/** `missing`: there is no such thread for us; `deleted`: there was, while we looked. */
export type Presence = 'loading' | 'ready' | 'missing' | 'deleted' | 'failed';

/** A message whose run waits its turn. */
export interface IQueued {
  runId: string;
  prompt: string;
}

const LINGER_MS = 30_000;
const AGAIN_MS = 5_000;

export class Thread {
  constructor(
    readonly threadId: string,
    private readonly _api: Api,
    private readonly _socket: Socket,
    private readonly _clock: IClock
  ) {}

  /** What the person has chosen and not sent yet, by interrupt; shared by all views. */
  readonly drafts = new Map<string, Draft>();

  /** Which cards are open, by card; kept while a view is scrolled away. */
  readonly opened = new Map<string, boolean>();

  /** What the person has typed and not sent yet. */
  message = '';
  /** Who is to answer it; empty: the default agent. */
  agent = '';

  /** Messages that were accepted while a run was under way, until their runs begin. */
  queued: IQueued[] = [];

  /** Why the last thing the person sent did not arrive. */
  problem: string | null = null;

  /** Something is on its way: a second click must not send it again. */
  sending = false;

  /** Runs that the person stopped, until they end. */
  readonly stopping = new Set<string>();

  /** How many decisions with a grant were journaled since the page looks: at each, the grants have changed. */
  granted = 0;

  get presence(): Presence {
    return this._presence;
  }

  /** What a failed load said. */
  get failure(): string {
    return this._failure;
  }

  get state(): IState {
    return this._fold.state;
  }

  get fold(): Fold {
    return this._fold;
  }

  /** Show the thread: `view` is called after each change. The answer ends it. */
  attach(view: () => void): () => void {
    this._views.add(view);
    this._cancelLinger?.();
    this._cancelLinger = null;
    if (this._presence === 'ready') {
      this._follow();
    } else {
      void this.load();
    }
    return () => {
      this._views.delete(view);
      if (this._views.size === 0) {
        this._cancelLinger = this._clock.after(LINGER_MS, () => this._unfollow?.());
      }
    };
  }

  get attached(): boolean {
    return this._views.size > 0;
  }

  /** Fetch the snapshot if there is none yet. */
  async load(): Promise<void> {
    if (this._loading || this._presence === 'ready' || this._presence === 'deleted') {
      return;
    }
    this._loading = true;
    try {
      this._take(await this._api.snapshot(this.threadId));
    } catch (error) {
      this._loadFailed(error as CallError);
    } finally {
      this._loading = false;
    }
    this.changed();
  }

  /** Was the decision of this interrupt sent and accepted? The journal will say so soon. */
  isSent(interruptId: string): boolean {
    return this._sent.has(interruptId);
  }

  /** The person chose: `interrupt` is the question as it was drawn before them. */
  choose(interrupt: IInterrupt, draft: Draft): void {
    this.drafts.set(interrupt.id, draft);
    this._shown.set(interrupt.id, interrupt);
    this.changed();
  }

  /** The open questions, each as it was drawn when the person chose. */
  get asShown(): IInterrupt[] {
    return this.state.interrupts.map(one => this._shown.get(one.id) ?? one);
  }

  /** Send one decision for each open interrupt, once. Null: it did not arrive, {@link problem} says why. */
  resume(entries: IResumeEntry[]): Promise<IStarted | null> {
    this._socket.retry(); // what was decided may be done in this page's notebook, which the server must know of
    return this._send(async () => {
      const started = await this._resumed(entries);
      entries.forEach(entry => this._sent.add(entry.interruptId));
      this._forgetSettled();
      return started;
    });
  }

  /** Start a run, or null as above; one that must wait its turn is kept in {@link queued}. */
  start(start: IStart): Promise<IStarted | null> {
    return this._send(async () => {
      const started = await this._api.start(this.threadId, start);
      if (!this.state.runs.some(run => run.runId === started.runId)) {
        this.queued.push({ runId: started.runId, prompt: start.prompt });
      }
      return started;
    });
  }

  /** Ask as `runId` did, with its agent, model and mode; or null as above. */
  askAgain(runId: string, prompt: string, place: Partial<IStart> = {}): Promise<IStarted | null> {
    return this._send(async () => {
      const { agent, model, mode, modelSettings } = await this._api.getRun(runId);
      const more = {
        ...(model ? { model } : {}),
        ...(mode ? { mode } : {}),
        ...(modelSettings ? { modelSettings } : {})
      };
      return this._api.start(this.threadId, {
        prompt,
        agent,
        ...more,
        ...place,
        ifRunning: 'queue'
      });
    });
  }

  /** Run again, once approved, the code that had run here; or null as above. */
  rebuild(): Promise<IStarted | null> {
    return this._send(() => this._api.rebuild(this.threadId));
  }

  /** Stop the run under way. What is queued behind it does not run next, but goes back into the box. */
  async stop(runId: string): Promise<void> {
    this.stopping.add(runId);
    const { queued } = this;
    await Promise.all(queued.map(one => this.cancel(one.runId)));
    const left = new Set(this.queued.map(one => one.runId));
    const back = queued.filter(one => !left.has(one.runId)).map(one => one.prompt);
    this.message = [...back, this.message].filter(Boolean).join('\n\n');
    await this.cancel(runId);
  }

  /** Cancel a run, or the questions that it asked. */
  async cancel(runId: string): Promise<void> {
    this.stopping.add(runId);
    this.changed();
    try {
      await this._api.cancel(runId);
      this.queued = this.queued.filter(one => one.runId !== runId);
    } catch (error) {
      this.stopping.delete(runId);
      this.problem = (error as CallError).message;
    }
    this.changed();
  }

  private async _resumed(entries: IResumeEntry[]): Promise<IStarted> {
    try {
      return await this._api.resume(this.threadId, entries);
    } catch (error) {
      if (error instanceof CallError && error.code === 'question_changed') {
        await this._askAnew(error.interrupts);
      }
      throw error;
    }
  }

  /** What was shown is not what waits: show the questions as they are, and forget what was chosen. */
  private async _askAnew(questions: CallError['interrupts']): Promise<void> {
    this.drafts.clear();
    this._shown.clear();
    this.state.interrupts = this.state.interrupts.map(one => {
      const asked = questions.find(({ id }) => id === one.id);
      return asked === undefined ? one : { ...asked, runId: one.runId };
    });
    this.changed();
    try {
      this._fold = new Fold(await this._api.snapshot(this.threadId)); // also if what is shown claims to be newer
      this._socket.refollow(this.threadId);
    } catch {
      // the refusal has told the questions
    }
  }

  private async _send<T>(call: () => Promise<T>): Promise<T | null> {
    if (this.sending) {
      return null;
    }
    this.sending = true;
    this.problem = null;
    this.changed();
    try {
      return await call();
    } catch (error) {
      this.problem = (error as Error).message;
      return null;
    } finally {
      this.sending = false;
      this.changed();
    }
  }

  /** What waits its turn, also what another page sent; kept while it is in the queue. */
  async loadQueue(): Promise<void> {
    const before = new Set(this.queued.map(one => one.runId));
    const runs = await this._api.runs({ threadId: this.threadId, status: 'queued' });
    const known = runs.reverse().map(({ runId, prompt }) => ({ runId, prompt: prompt ?? '' }));
    const ids = new Set([...before, ...known.map(one => one.runId)]);
    const sentMeanwhile = this.queued.filter(one => !ids.has(one.runId));
    this.queued = [...known, ...sentMeanwhile].filter(
      one => !this.state.runs.some(run => run.runId === one.runId)
    );
    this.changed();
  }

  /** A deleted thread was restored. */
  revive(): void {
    if (this._presence === 'deleted' || this._presence === 'missing') {
      this._presence = 'loading';
      void this.load();
    }
  }

  /** Tell all views. */
  changed(): void {
    for (const view of [...this._views]) {
      view();
    }
  }

  private _take(snapshot: IState): void {
    if (snapshot.cursor >= this._fold.state.cursor) {
      this._fold = new Fold(snapshot); // an older one never erases what is shown
    }
    this._presence = 'ready';
    if (this._views.size > 0) {
      this._follow();
    }
  }

  private _loadFailed(error: CallError): void {
    this._failure = error.message;
    if (error.status === 403 || error.status === 404) {
      this._presence = 'missing';
    } else if (error.status >= 400 && error.status < 500) {
      this._presence = 'failed';
    } else {
      this._follow(); // the server is away: when it comes, all of the journal is as good
    }
  }

  private _follow(): void {
    if (this._unfollow !== null) {
      return;
    }
    const end = this._socket.follow(this.threadId, {
      cursor: () => this.state.cursor,
      onEvents: events => this._onEvents(events),
      onState: () => this._onState(),
      onError: error => this._onError(error)
    });
    this._unfollow = () => {
      end();
      this._unfollow = null;
    };
  }

  private _onEvents(events: IEntry[]): void {
    for (const { seq, event } of events) {
      if (seq > this.state.cursor + 1) {
        this._socket.refollow(this.threadId);
        break;
      }
      this._fold.apply(seq, event);
      this.granted += event.name === 'lobu.decision' && grants(event.value) ? 1 : 0;
    }
    this._presence = 'ready';
    this._forgetSettled();
    this.changed();
  }

  /** The server knows the thread: it is there, also while its journal says nothing new. */
  private _onState(): void {
    if (this._presence !== 'ready') {
      this._presence = 'ready';
      this.changed();
    }
  }

  private _onError(error: IWireError): void {
    this._unfollow?.();
    if (error.code === 'thread_not_found') {
      this._presence = 'deleted';
    } else {
      this._presence = 'failed'; // the server is there, its store is not
      this._failure = error.message;
      this._clock.after(AGAIN_MS, () => this.attached && void this.load());
    }
    this.changed();
  }

  /** What the journal has settled needs no draft, no "sent" and no "queued" any more. */
  private _forgetSettled(): void {
    const open = new Set(this.state.interrupts.map(i => i.id));
    for (const id of [...this.drafts.keys(), ...this._shown.keys(), ...this._sent]) {
      if (!open.has(id)) {
        this.drafts.delete(id);
        this._shown.delete(id);
        this._sent.delete(id);
      }
    }
    if (this.queued.length > 0 || this.stopping.size > 0) {
      for (const run of this.state.runs) {
        this.queued = this.queued.filter(one => one.runId !== run.runId);
        if (run.status !== 'running') {
          this.stopping.delete(run.runId);
        }
      }
    }
  }

  private _fold = new Fold();
  private _presence: Presence = 'loading';
  private _failure = '';
  private _loading = false;
  private readonly _sent = new Set<string>();
  private readonly _shown = new Map<string, IInterrupt>();
  private _unfollow: (() => void) | null = null;
  private _cancelLinger: (() => void) | null = null;
  private readonly _views = new Set<() => void>();
}

/** Did the person give a standing yes with this decision? */
function grants(value: Json): boolean {
  return Boolean(object(object(value).decision).grant);
}
