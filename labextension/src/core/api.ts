/**
 * The gateway's REST calls, over any carrier: fetch, or a widget's comm.
 *
 * Every call may be repeated (a start carries its clientRequestId), so a call whose answer was lost
 * is sent again a few times before it fails.
 */
import { backOff, IClock, realClock } from './time';
import {
  IAgent,
  IGrant,
  IResumeEntry,
  IRunError,
  IStarted,
  IState,
  IThread,
  IThreadKernel,
  IWaiting,
  IWireError,
  JsonObject,
  RunStatus
} from './wire';

/** A reply: its HTTP status and JSON body. */
export interface IReply {
  status: number;
  body: unknown;
}

/** Carries one request under `lobu/api/`; rejects only if no reply came. */
export type Carrier = (method: string, path: string, body?: unknown) => Promise<IReply>;

/** What the gateway refused, in its words; status 0: no reply came. */
export class CallError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly field?: string,
    readonly interrupts: NonNullable<IWireError['interrupts']> = []
  ) {
    super(field && message.startsWith('must ') ? `${field} ${message}` : message);
    this.name = 'CallError';
  }
}

export interface IRun {
  runId: string;
  threadId: string;
  status: RunStatus;
  agent: string;
  model?: string | null;
  mode?: string | null;
  modelSettings?: JsonObject | null;
  prompt?: string;
  /** The cell of `%lobu` that asked. */
  cellId?: string | null;
  createdAt: string;
  error?: IRunError | null;
}

/** What to start; other members as in `POST threads/{t}/runs`. */
export interface IStart {
  prompt: string;
  /** In place of the prompt, where it has images; the prompt is then only for display. */
  messages?: JsonObject[];
  context?: { description: string; value: string }[];
  kernelId?: string;
  agent?: string;
  model?: string;
  mode?: string;
  modelSettings?: JsonObject;
  ifRunning?: 'cancel' | 'queue';
  workIn?: 'chat' | 'cells';
  belowCell?: string;
  /** Ask before each change of a cell, whatever the mode or a grant allows. */
  reviewCells?: boolean;
}

const TRIES = 3;

export class Api {
  constructor(
    private readonly _carry: Carrier,
    private readonly _clock: IClock = realClock
  ) {}

  snapshot(threadId: string): Promise<IState> {
    return this._call<IState>('GET', `threads/${encode(threadId)}/snapshot`);
  }

  createThread(body: JsonObject = {}): Promise<IThread> {
    return this._call<IThread>('POST', 'threads', body);
  }

  async threads(query: {
    search?: string;
    archived?: boolean;
    limit?: number;
    notebookPath?: string;
  }): Promise<IThread[]> {
    const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== '');
    const words = new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
    return (await this._call<{ threads: IThread[] }>('GET', `threads?${words}`)).threads;
  }

  thread(threadId: string): Promise<IThread> {
    return this._call<IThread>('GET', `threads/${encode(threadId)}`);
  }

  /** Where a decision on a thread would run now. */
  kernelOf(threadId: string): Promise<IThreadKernel> {
    return this._call<IThreadKernel>('GET', `threads/${encode(threadId)}/kernel`);
  }

  patchThread(threadId: string, changes: JsonObject): Promise<IThread> {
    return this._call<IThread>('PATCH', `threads/${encode(threadId)}`, changes);
  }

  deleteThread(threadId: string): Promise<void> {
    return this._call('DELETE', `threads/${encode(threadId)}`);
  }

  restoreThread(threadId: string): Promise<IThread> {
    return this._call<IThread>('POST', `threads/${encode(threadId)}/restore`, {});
  }

  fork(threadId: string, runId: string): Promise<IThread> {
    return this._call<IThread>('POST', `threads/${encode(threadId)}/fork`, { runId });
  }

  /** What models were asked and answered on a thread, for `lobu test`. */
  recording(threadId: string): Promise<JsonObject> {
    return this._call('POST', `threads/${encode(threadId)}/export`, { format: 'recording' });
  }

  /** What waits on the person, over all threads. */
  async waiting(): Promise<IWaiting[]> {
    return (await this._call<{ interrupts: IWaiting[] }>('GET', 'interrupts')).interrupts;
  }

  /** What runs in a thread without asking. */
  async grants(threadId: string): Promise<IGrant[]> {
    return (await this._call<{ grants: IGrant[] }>('GET', `policy?threadId=${encode(threadId)}`))
      .grants;
  }

  revoke(grantId: string): Promise<void> {
    return this._call('DELETE', `policy/grants/${encode(grantId)}`);
  }

  async agents(): Promise<IAgent[]> {
    return (await this._call<{ agents: IAgent[] }>('GET', 'agents')).agents;
  }

  /** Start a worker ahead of the first run. */
  warm(): Promise<void> {
    return this._call('POST', 'agents/warm', {});
  }

  async runs(query: { threadId?: string; status?: RunStatus }): Promise<IRun[]> {
    const words = new URLSearchParams({ ...query });
    return (await this._call<{ runs: IRun[] }>('GET', `runs?${words}`)).runs;
  }

  rebuild(threadId: string): Promise<IStarted> {
    const body = { clientRequestId: requestId() };
    return this._call<IStarted>('POST', `threads/${encode(threadId)}/rebuild`, body);
  }

  getRun(runId: string): Promise<IRun> {
    return this._call<IRun>('GET', `runs/${encode(runId)}`);
  }

  start(threadId: string, start: IStart): Promise<IStarted> {
    const { prompt, messages, ...more } = start;
    const words = messages === undefined ? { prompt } : { messages };
    const body = { ...words, ...more, clientRequestId: requestId() };
    return this._call<IStarted>('POST', `threads/${encode(threadId)}/runs`, body);
  }

  resume(threadId: string, resume: IResumeEntry[]): Promise<IStarted> {
    return this._call('POST', `threads/${encode(threadId)}/resume`, { resume });
  }

  cancel(runId: string): Promise<IRun> {
    return this._call<IRun>('POST', `runs/${encode(runId)}/cancel`, {});
  }

  /** A resource that only some views know. */
  get<T>(path: string): Promise<T> {
    return this._call<T>('GET', path);
  }

  /** A change to such a resource. */
  send<T>(method: 'PUT' | 'POST' | 'DELETE', path: string, body?: JsonObject): Promise<T> {
    return this._call<T>(method, path, body);
  }

  /** Why this server will never answer us, or null: it may. */
  async refusal(): Promise<string | null> {
    try {
      const { status } = await this._carry('GET', 'health');
      if (status === 401 || status === 403) {
        return 'signed-out';
      }
      return status === 404 ? 'no-extension' : null;
    } catch {
      return null; // no reply: the server is away, which is what back-off is for
    }
  }

  private async _call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const { status, body: reply } = await this._carried(method, path, body);
    if (status >= 200 && status < 300) {
      return reply as T;
    }
    const error = errorOf(reply);
    throw new CallError(status, error.code, error.message, error.field, error.interrupts);
  }

  private async _carried(method: string, path: string, body?: unknown): Promise<IReply> {
    for (let attempt = 1; ; attempt++) {
      try {
        const reply = await this._carry(method, path, body);
        if (attempt === TRIES || ![502, 503, 504].includes(reply.status)) {
          return reply;
        }
      } catch (error) {
        if (attempt === TRIES) {
          throw new CallError(0, 'unreachable', String(error));
        }
      }
      const wait = backOff(attempt, () => this._clock.random());
      await new Promise<void>(done => this._clock.after(wait, done));
    }
  }
}

function errorOf(reply: unknown): IWireError {
  const { error, message } = (reply ?? {}) as {
    error?: IWireError;
    message?: string;
  };
  return error ?? { code: 'internal', message: message ?? '' };
}

function encode(part: string): string {
  return encodeURIComponent(part);
}

/** 128 random bits; `crypto.randomUUID` is missing where a page came over plain http. */
function requestId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return 'req_' + Array.from(bytes, b => b.toString(16).padStart(2, '0')).join('');
}
