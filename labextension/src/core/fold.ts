/**
 * State is a fold of the journal: the exact twin of lobu_jupyter/model/fold.py.
 *
 * `fold(all) == fold(snapshot) + fold(tail)`; the vectors in tests/vectors/fold hold both folds
 * together. The state is folded in place; {@link Fold.version} tells a view which items changed.
 */
import { countChange, extend, patched } from './extend';
import { key, list, object, text } from './json';
import { Runs } from './runs';
import {
  AgEvent,
  IDecided,
  IEntry,
  IOutput,
  ISubagentItem,
  IState,
  Json,
  JsonObject
} from './wire';

/** The state of a thread without events. */
export function empty(): IState {
  return {
    cursor: 0,
    title: '',
    status: 'idle',
    items: [],
    runs: [],
    interrupts: [],
    usage: {},
    state: null
  };
}

/** The state after `entries`, which follow `snapshot` (taken over, not copied) without a gap. */
export function fold(entries: IEntry[], snapshot: IState = empty()): IState {
  const folding = new Fold(snapshot);
  for (const entry of entries) {
    folding.apply(entry.seq, entry.event);
  }
  return folding.state;
}

export class Fold extends Runs {
  constructor(state: IState = empty()) {
    super(state);
    for (const item of state.items) {
      if (item.kind === 'subagent' && item.status === 'waiting') {
        this._suspend(item);
      }
    }
  }

  /** Take the event at `seq`; false if it was taken before. */
  apply(seq: number, event: AgEvent): boolean {
    if (seq <= this.state.cursor) {
      return false;
    }
    this.state.cursor = seq;
    const handler = this._handlers[event.type];
    if (handler === undefined) {
      this._raw(event);
    } else {
      try {
        handler(event);
      } catch (error) {
        if (!(error instanceof TypeError || error instanceof RangeError)) {
          throw error;
        }
        this._raw(event); // an event that is not what its type says is kept, and shown as it came
      }
    }
    return true;
  }

  private readonly _handlers: { [type: string]: (event: AgEvent) => void } = {
    RUN_STARTED: event => this._runStarted(event),
    RUN_FINISHED: event => this._runFinished(event),
    RUN_ERROR: event => this._runError(event),
    TEXT_MESSAGE_START: event =>
      this._add('message', text(event.messageId), event, {
        role: text(event.role) || 'assistant',
        content: '',
        done: false
      }),
    TEXT_MESSAGE_CONTENT: event => this._append('message', event.messageId, event),
    TEXT_MESSAGE_END: event => this._set('message', event.messageId, { done: true }),
    // A reasoning span has no card of its own; its messages do.
    REASONING_START: () => undefined,
    REASONING_END: () => undefined,
    REASONING_MESSAGE_START: event =>
      this._add('reasoning', text(event.messageId), event, {
        content: '',
        done: false
      }),
    REASONING_MESSAGE_CONTENT: event => this._append('reasoning', event.messageId, event),
    REASONING_MESSAGE_END: event => this._set('reasoning', event.messageId, { done: true }),
    TOOL_CALL_START: event => this._toolStart(event),
    TOOL_CALL_ARGS: event => this._append('tool', event.toolCallId, event),
    TOOL_CALL_END: event => this._set('tool', event.toolCallId, { status: 'running' }),
    TOOL_CALL_RESULT: event => this._toolResult(event),
    STEP_STARTED: event => this._add('step', text(event.stepName), event, { done: false }),
    STEP_FINISHED: event => this._set('step', event.stepName, { done: true }),
    SUBAGENT_STARTED: event => this._subagent(event),
    SUBAGENT_FINISHED: event => this._subagentFinished(event),
    SUBAGENT_ERROR: event =>
      this._set('subagent', event.subagentRunId, {
        status: 'failed',
        message: event.message
      }),
    ACTIVITY_SNAPSHOT: event => this._activity(event),
    ACTIVITY_DELTA: event => this._activityDelta(event),
    STATE_SNAPSHOT: event => {
      this.state.state = event.snapshot;
    },
    CUSTOM: event => this._custom(event)
  };

  // -- tool calls, sub-agents, activities

  private _toolStart(event: AgEvent): void {
    this._add('tool', text(event.toolCallId), event, {
      name: event.toolCallName,
      args: '',
      status: 'streaming',
      outputs: [],
      ...(event.timestamp ? { startedAt: event.timestamp } : {})
    });
  }

  private _toolResult(event: AgEvent): void {
    this._result(text(event.toolCallId), event.content, event);
    const { ok } = object(object(event.metadata).lobu);
    if (ok !== undefined) {
      this._set('tool', event.toolCallId, { ok });
    }
  }

  private _result(call: string, content: Json, event: AgEvent): void {
    const tool = this._tool(call);
    if (tool === undefined) {
      this._raw(event);
      return;
    }
    tool.status = 'done';
    tool.result = content;
    const suspended = this._suspended.get(call);
    if (suspended !== undefined) {
      this._suspended.delete(call); // it did not go on
      this._set('subagent', suspended.id, { status: 'failed', message: content });
    }
    delete tool.note;
    if (event.timestamp) {
      tool.endedAt = Number(event.timestamp);
    }
    this._touch(tool);
  }

  private _subagent(event: AgEvent): void {
    if (this._items.has(key('subagent', text(event.subagentRunId)))) {
      // It goes on after a pause.
      this._set('subagent', event.subagentRunId, { status: 'running' });
      this._set('tool', event.parentToolCallId, { status: 'running' });
      this._suspended.delete(text(event.parentToolCallId));
      return;
    }
    const members: JsonObject = { name: event.name, status: 'running' };
    for (const member of ['description', 'parentToolCallId']) {
      if (event[member]) {
        members[member] = event[member];
      }
    }
    const { subagentRunId, parentSubagentRunId, ...rest } = event;
    const owner = parentSubagentRunId ? { subagentRunId: parentSubagentRunId } : {};
    this._add('subagent', text(subagentRunId), { ...rest, ...owner } as AgEvent, members);
  }

  private _subagentFinished(event: AgEvent): void {
    const suspended = event.outcome ? object(event.outcome).type === 'suspended' : false;
    this._set('subagent', event.subagentRunId, { status: suspended ? 'waiting' : 'done' });
    const item = this._items.get(key('subagent', text(event.subagentRunId)));
    if (suspended && item?.kind === 'subagent') {
      this._suspend(item);
    }
  }

  private _suspend(item: ISubagentItem): void {
    if (item.parentToolCallId !== undefined) {
      this._suspended.set(item.parentToolCallId, item);
    }
  }

  private _activity(event: AgEvent): void {
    const members = { activityType: event.activityType, content: event.content };
    if (!this._items.has(key('activity', text(event.messageId)))) {
      this._add('activity', text(event.messageId), event, members);
    } else if (event.replace ?? true) {
      this._set('activity', event.messageId, members);
    }
  }

  private _activityDelta(event: AgEvent): void {
    const item = this._items.get(key('activity', text(event.messageId)));
    const content = item?.kind === 'activity' ? patched(item.content, list(event.patch)) : null;
    if (content === null) {
      this._raw(event);
    } else {
      this._set('activity', event.messageId, { content });
    }
  }

  // -- ours

  private _custom(event: AgEvent): void {
    const name = text(event.name);
    const value = object(event.value);
    if (name === 'lobu.title') {
      this.state.title = text(value.title);
    } else if (name === 'lobu.output') {
      this._output(value);
    } else if (name === 'lobu.note') {
      this._note(value);
    } else if (name === 'lobu.decision') {
      this._decided(value);
    } else if (name === 'lobu.closed') {
      this._closed(value, event);
    } else if (name === 'lobu.change') {
      countChange(this._runs.get(text(value.runId)), value);
    } else if (name.startsWith('lobu.')) {
      const late = name === 'lobu.still_running'; // after the run's end, perhaps in another one
      const of = late ? { runId: text(value.runId) } : {};
      this._add('notice', null, event, { name, value: event.value, ...of });
      const run = this._runs.get(this._run);
      if (name === 'lobu.cut' && run !== undefined && !event.subagentRunId) {
        run.cut = text(value.reason);
      }
      if (name === 'lobu.kernel') {
        for (const interrupt of this.state.interrupts) {
          interrupt.kernelLost = true;
        }
      }
    } else {
      this._add('custom', null, event, { name, value: event.value });
    }
  }

  private _output(value: JsonObject): void {
    const tool = this._tool(text(value.toolCallId));
    if (tool === undefined) {
      return;
    }
    const more = value.output as unknown as IOutput;
    const known = tool.outputs[Number(value.index)];
    if (value.clear) {
      tool.outputs = [];
    } else if (known === undefined) {
      tool.outputs.push(more);
    } else if (value.replace) {
      tool.outputs[Number(value.index)] = more;
    } else {
      extend(known, more);
    }
    this._touch(tool);
  }

  private _note(value: JsonObject): void {
    const tool = this._tool(text(value.toolCallId));
    if (tool === undefined) {
      return;
    }
    if (value.text) {
      tool.note = text(value.text);
    } else {
      delete tool.note;
    }
    this._touch(tool);
  }

  private _decided(value: JsonObject): void {
    const { toolCallId, ...decided } = value;
    this._drop([object(value.decision).interruptId]);
    this._set('tool', toolCallId, {
      decision: decided as unknown as IDecided,
      status: 'running'
    });
  }

  /** Interrupts expired or were cancelled: their calls get `value.results`, or else `value.message`. */
  private _closed(value: JsonObject, event: AgEvent): void {
    this._drop(list(value.interruptIds));
    const results = object(value.results);
    for (const call of list(value.toolCallIds).map(text)) {
      this._result(call, Object.hasOwn(results, call) ? results[call] : value.message, event);
    }
    this._add('notice', null, event, { name: 'lobu.closed', value });
    if (this.state.status === 'waiting' && this.state.interrupts.length === 0) {
      this.state.status = 'idle';
    }
  }

  private _drop(ids: Json[]): void {
    this.state.interrupts = this.state.interrupts.filter(i => !ids.includes(i.id));
  }

  /** By call: the sub-agent that waits in it. */
  private readonly _suspended = new Map<string, ISubagentItem>();
}
