/** The runs of a state: how each begins and ends, and what its end makes of the thread. */
import { addUsage, descriptions, usagesOf } from './extend';
import { Items } from './items';
import { list, object, text } from './json';
import { AgEvent, IInterrupt, IRunState, IState, RunStatus } from './wire';

const OUTCOME_STATUS: { [outcome: string]: RunStatus } = {
  success: 'succeeded',
  interrupt: 'interrupted',
  cancelled: 'cancelled'
};

export class Runs extends Items {
  constructor(state: IState) {
    super(state);
    for (const run of state.runs) {
      this._runs.set(run.runId, run);
      this._run = run.runId;
    }
    this._run = this._running() ?? this._run;
  }

  protected _runStarted(event: AgEvent): void {
    this._run = text(event.runId);
    const input = object(event.input);
    const context = descriptions(input.context);
    const run: IRunState = {
      runId: this._run,
      status: 'running',
      ...(event.parentRunId ? { parentRunId: text(event.parentRunId) } : {}),
      ...(event.timestamp ? { startedAt: Number(event.timestamp) } : {}),
      ...(context.length > 0 ? { context } : {})
    };
    this.state.runs.push(run);
    this._runs.set(this._run, run);
    this.state.status = 'running';
    for (const message of list(input.messages).map(object)) {
      this._add('message', text(message.id), event, {
        role: message.role,
        content: message.content,
        done: true
      });
    }
  }

  protected _runFinished(event: AgEvent): void {
    const outcome = event.outcome ? object(event.outcome) : { type: 'success' };
    const type = text(outcome.type);
    this._end(event, OUTCOME_STATUS[type] ?? 'succeeded');
    if (type === 'cancelled') {
      this._add('cancelled', null, event, {});
    }
    for (const wire of list(object(outcome).interrupts)) {
      const interrupt = { ...object(wire), runId: this._run } as unknown as IInterrupt;
      this.state.interrupts.push(interrupt);
      const diff = interrupt.metadata?.lobu?.diff;
      this._set('tool', interrupt.toolCallId ?? '', {
        status: 'waiting',
        interruptId: interrupt.id,
        ...(diff ? { diff } : {})
      });
      for (const call of list(object(object(object(wire).metadata).lobu).parentToolCallIds)) {
        this._set('tool', call, { status: 'waiting' });
      }
    }
    this._rest();
  }

  protected _runError(event: AgEvent): void {
    const error = {
      code: text(event.code) || 'internal',
      message: text(event.message)
    };
    this._end(event, 'failed');
    const run = this._runs.get(this._run);
    if (run !== undefined) {
      run.error = error;
    }
    this._add('error', null, event, error);
    this._rest();
  }

  /** After an end: a run that was cancelled in the queue leaves the one before it running. */
  private _rest(): void {
    const running = this._running();
    if (running !== undefined) {
      this._run = running;
      this.state.status = 'running';
    } else {
      this.state.status = this.state.interrupts.length > 0 ? 'waiting' : 'idle';
    }
  }

  private _running(): string | undefined {
    return this.state.runs.filter(run => run.status === 'running').pop()?.runId;
  }

  private _end(event: AgEvent, status: RunStatus): void {
    const run = this._runs.get(this._run);
    if (run === undefined) {
      return;
    }
    run.status = status;
    if (event.timestamp) {
      run.endedAt = Number(event.timestamp);
    }
    const usage = usagesOf(event);
    if (usage.length > 0) {
      run.usage = usage;
      addUsage(this.state.usage, usage);
    }
  }

  protected readonly _runs = new Map<string, IRunState>();
}
