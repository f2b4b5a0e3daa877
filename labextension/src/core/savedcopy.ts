/**
 * What a notebook says that it saved of a run, read as text of unknown origin.
 *
 * Anyone may have written it: a colleague, a download, or an agent's code by `update_display_data`. It is
 * copied member by member into the shapes that the views expect, so that nothing in it can break a view,
 * and an open question in it keeps only what can be read. It never carries controls.
 */
import { empty } from './fold';
import { joined } from './text/joined';
import {
  DecisionKind,
  ICellOutput,
  IDecided,
  IInterrupt,
  IOutput,
  IRunState,
  ISubagentItem,
  IState,
  Item,
  IToolItem,
  Json,
  JsonObject,
  RunStatus
} from './wire';

const ID = /^[\w-]{1,128}$/; // goes into paths
const MOST_ITEMS = 5000;
const MOST_RUNS = 500;
const MOST_DEPTH = 50;

const RUN: RunStatus[] = ['queued', 'running', 'succeeded', 'interrupted', 'cancelled', 'failed'];
const TOOL: IToolItem['status'][] = ['streaming', 'running', 'waiting', 'done'];
const SUBAGENT: ISubagentItem['status'][] = ['running', 'waiting', 'done', 'failed'];
const KINDS: DecisionKind[] = ['approve', 'edit', 'reject', 'respond', 'answer'];

type Members = { [name: string]: unknown };

/** The data of a cell output, or null: it names no thread and run. */
export function readOutput(data: unknown): ICellOutput | null {
  const given = members(data);
  const { threadId, runId } = given;
  if (!isId(threadId) || !isId(runId)) {
    return null;
  }
  const also = list(given.also, MOST_RUNS).filter(isId);
  const snapshot = readState(given.snapshot);
  return {
    version: number(given.version) ?? 1,
    threadId,
    runId,
    ...(also.length > 0 ? { also } : {}),
    cursor: number(given.cursor) ?? 0,
    prompt: text(given.prompt),
    ...(snapshot ? { snapshot } : {})
  };
}

/** The thread of a chat widget, or null: the data are no widget's. */
export function readChat(data: unknown): string | null {
  const { threadId, chat } = members(data);
  return chat === true && isId(threadId) ? threadId : null;
}

/** A saved snapshot as far as it can be shown, or null: there is none. */
export function readState(value: unknown): IState | null {
  const { items, runs, interrupts, title, cursor } = members(value);
  if (!Array.isArray(items)) {
    return null;
  }
  return {
    ...empty(),
    cursor: number(cursor) ?? 0,
    title: text(title),
    items: list(items, MOST_ITEMS).flatMap(item => readItem(members(item)) ?? []),
    runs: list(runs, MOST_RUNS).flatMap(run => readRun(members(run)) ?? []),
    interrupts: list(interrupts, MOST_RUNS).flatMap(one => readQuestion(members(one)) ?? [])
  };
}

function readRun(run: Members): IRunState | null {
  const error = members(run.error);
  return isId(run.runId)
    ? {
        runId: run.runId,
        status: oneOf(run.status, RUN) ?? 'failed',
        ...(isId(run.parentRunId) ? { parentRunId: run.parentRunId } : {}),
        ...(run.error ? { error: { code: text(error.code), message: text(error.message) } } : {}),
        ...optional('cut', textOrNone(run.cut)),
        ...(run.usage ? { usage: list(run.usage, MOST_RUNS).map(readUsage) } : {}),
        ...optional('startedAt', number(run.startedAt)),
        ...optional('endedAt', number(run.endedAt))
      }
    : null;
}

function readUsage(value: unknown): Json {
  const { model, inputTokens, outputTokens, metadata } = members(value);
  const cost = number(members(metadata).cost);
  return {
    model: text(model),
    inputTokens: number(inputTokens) ?? 0,
    outputTokens: number(outputTokens) ?? 0,
    metadata: cost === undefined ? {} : { cost }
  };
}

/** An open question as something to read: without what could be decided, or how. */
function readQuestion(one: Members): IInterrupt | null {
  const lobu = members(members(one.metadata).lobu);
  return isId(one.runId) && typeof one.id === 'string'
    ? {
        id: text(one.id),
        runId: one.runId,
        reason: text(one.reason),
        message: text(one.message),
        ...optional('toolCallId', textOrNone(one.toolCallId)),
        metadata: {
          lobu: {
            decisions: [],
            ...optional('toolName', textOrNone(lobu.toolName)),
            ...optional('diff', textOrNone(lobu.diff))
          }
        }
      }
    : null;
}

function readItem(item: Members): Item | null {
  const { runId } = item;
  if (!isId(runId)) {
    return null;
  }
  const base = {
    runId,
    ...optional('subagentRunId', textOrNone(item.subagentRunId))
  };
  const named = { ...base, id: text(item.id) };
  switch (item.kind) {
    case 'message':
      return {
        ...named,
        kind: 'message',
        role: text(item.role),
        content: json(item.content),
        done: true
      };
    case 'reasoning':
      return { ...named, kind: 'reasoning', content: text(item.content), done: true };
    case 'tool':
      return { ...named, kind: 'tool', ...readTool(item) };
    case 'activity': {
      const activityType = text(item.activityType);
      return { ...named, kind: 'activity', activityType, content: json(item.content) };
    }
    case 'step':
      return { ...named, kind: 'step', done: true };
    case 'subagent':
      return {
        ...named,
        kind: 'subagent',
        name: text(item.name),
        status: oneOf(item.status, SUBAGENT) ?? 'failed',
        ...optional('description', textOrNone(item.description)),
        ...optional('message', textOrNone(item.message))
      };
    case 'error':
      return { ...base, kind: 'error', code: text(item.code), message: text(item.message) };
    case 'cancelled':
      return { ...base, kind: 'cancelled' };
    case 'notice':
    case 'custom':
      return { ...base, kind: item.kind, name: text(item.name), value: json(item.value) };
    case 'raw': {
      const event = json(item.event);
      const type = text(members(event).type);
      return { ...base, kind: 'raw', event: { ...(members(event) as JsonObject), type } };
    }
    default:
      return null;
  }
}

function readTool(
  item: Members
): Omit<IToolItem, 'kind' | 'id' | 'runId' | 'subagentRunId' | 'interruptId'> {
  const decision = readDecision(members(item.decision));
  return {
    name: text(item.name),
    args: text(item.args),
    status: oneOf(item.status, TOOL) ?? 'done',
    outputs: list(item.outputs, MOST_ITEMS).map(one => readToolOutput(members(one))),
    ...optional('note', textOrNone(item.note)),
    ...(item.result !== undefined ? { result: json(item.result) } : {}),
    ...(typeof item.ok === 'boolean' ? { ok: item.ok } : {}),
    ...optional('diff', textOrNone(item.diff)),
    ...optional('startedAt', number(item.startedAt)),
    ...optional('endedAt', number(item.endedAt)),
    ...(decision ? { decision } : {})
  };
}

function readDecision(decided: Members): IDecided | null {
  const { kind, reason, editedArgs, answers, grant } = members(decided.decision);
  const known = oneOf(kind, KINDS);
  if (known === undefined) {
    return null;
  }
  return {
    decision: {
      interruptId: '',
      kind: known,
      ...optional('reason', textOrNone(reason)),
      ...(editedArgs ? { editedArgs: members(json(editedArgs)) as JsonObject } : {}),
      ...(answers ? { answers: members(json(answers)) as JsonObject } : {}),
      ...optional('grant', oneOf(grant, ['thread', 'notebook'] as const))
    },
    ...optional('by', textOrNone(decided.by)),
    ...optional('at', textOrNone(decided.at))
  };
}

function readToolOutput(output: Members): IOutput {
  const data = Object.entries(members(output.data)).map(([mime, value]): [string, Json] => [
    mime,
    mime === 'application/json' ? json(value) : text(joined(value))
  ]);
  return {
    output_type: text(output.output_type),
    ...optional('name', textOrNone(output.name)),
    ...(output.text !== undefined ? { text: text(joined(output.text)) } : {}),
    ...(data.length > 0 ? { data: Object.fromEntries(data) } : {}),
    ...optional('ename', textOrNone(output.ename)),
    ...optional('evalue', textOrNone(output.evalue)),
    traceback: list(output.traceback, MOST_ITEMS).map(text)
  };
}

function optional<N extends string, V>(name: N, value: V | undefined): { [name in N]?: V } {
  return (value === undefined ? {} : { [name]: value }) as { [name in N]?: V };
}

function oneOf<T extends string>(value: unknown, known: readonly T[]): T | undefined {
  return known.find(one => one === value);
}

function isId(value: unknown): value is string {
  return typeof value === 'string' && ID.test(value);
}

function members(value: unknown): Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Members)
    : {};
}

function list(value: unknown, most: number): unknown[] {
  return Array.isArray(value) ? value.slice(0, most) : [];
}

function number(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

/** A text, without halves of characters, on which an encoder fails. */
function text(value: unknown): string {
  return typeof value === 'string' ? value.replace(/\p{Surrogate}/gu, '\ufffd') : '';
}

function textOrNone(value: unknown): string | undefined {
  return typeof value === 'string' ? text(value) : undefined;
}

/** A copy of JSON, no deeper than a view can print. */
function json(value: unknown, depth = 0): Json {
  if (typeof value === 'string') {
    return text(value);
  }
  if (typeof value !== 'object' || value === null) {
    return typeof value === 'number' || typeof value === 'boolean' ? value : null;
  }
  if (depth >= MOST_DEPTH) {
    return '…';
  }
  if (Array.isArray(value)) {
    return value.map(one => json(one, depth + 1));
  }
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [name, json(one, depth + 1)])
  );
}
