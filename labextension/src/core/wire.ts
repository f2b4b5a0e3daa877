/**
 * What travels between the page and the gateway, and the folded state of a thread.
 *
 * The words and shapes are those of docs/architecture.md; times are ISO 8601 in UTC unless a
 * comment says otherwise.
 */

export type Json = string | number | boolean | null | Json[] | { [member: string]: Json };
export type JsonObject = { [member: string]: Json };

/** An AG-UI event as plain JSON. */
export type AgEvent = { type: string } & JsonObject;

/** One journaled event; `seq` counts from 1 per thread, without gaps. */
export interface IEntry {
  seq: number;
  event: AgEvent;
}

export type ThreadStatus = 'idle' | 'running' | 'waiting';
export type RunStatus = 'queued' | 'running' | 'succeeded' | 'interrupted' | 'cancelled' | 'failed';
export type DecisionKind = 'approve' | 'edit' | 'reject' | 'respond' | 'answer';
export type Grant = 'call' | 'thread' | 'notebook' | 'thread_all' | 'notebook_all';

export interface IRunError {
  code: string;
  message: string;
}

/** A run as the fold knows it; `startedAt` and `endedAt` are the events' Unix milliseconds. */
export interface IRunState {
  runId: string;
  parentRunId?: string;
  status: RunStatus;
  error?: IRunError;
  /** Why its answer is not complete: length, content_filter, pause_turn … */
  cut?: string;
  usage?: Json;
  startedAt?: number;
  endedAt?: number;
  /** What the things are called that were sent beside its message. */
  context?: string[];
  /** Of cells and files, that were not taken back. */
  changes?: number;
}

export interface IQuestion {
  id: string;
  question: string;
  options?: string[];
  multiple?: boolean;
  freeText?: boolean;
}

/** An answer that an outside agent offers, by its own name. `plain`: what a decision without an option takes. */
export interface IOption {
  id: string;
  name: string;
  kind: 'allow_once' | 'allow_always' | 'reject_once' | 'reject_always';
  plain?: boolean;
}

/** What we add to an AG-UI interrupt, in `metadata.lobu`. */
export interface IInterruptExtra {
  toolName?: string;
  args?: JsonObject;
  /** The exact text of arguments with a number that no browser holds. */
  argsText?: string;
  argsSchema?: JsonObject;
  decisions?: DecisionKind[];
  questions?: IQuestion[];
  diff?: string;
  noGrant?: boolean;
  /** Agent code registered the tool in the kernel. */
  byAgent?: boolean;
  /** Why the call cannot be shown whole, and so cannot be approved. */
  unshown?: string;
  options?: IOption[];
  /** The mode of its own that an outside agent is in. */
  agentMode?: string;
  /** Hints from the syntax of the code. */
  risks?: string[];
}

/** An open question, as the journal's RUN_FINISHED carries it. */
export interface IInterrupt {
  id: string;
  runId: string;
  reason: string;
  message?: string;
  toolCallId?: string;
  expiresAt?: string;
  kernelLost?: boolean;
  metadata?: { lobu?: IInterruptExtra };
}

/** What a person decided, as `lobu.decision` tells it. */
export interface IDecided {
  decision: {
    interruptId: string;
    kind: DecisionKind;
    reason?: string;
    editedArgs?: JsonObject;
    response?: Json;
    answers?: JsonObject;
    grant?: Grant;
    option?: string;
  };
  by?: string;
  via?: string;
  at?: string;
}

/** An nbformat output of a tool call. */
export interface IOutput {
  output_type: string;
  name?: string;
  text?: string | string[];
  data?: { [mime: string]: Json };
  ename?: string;
  evalue?: string;
  traceback?: string[];
}

interface IItemBase {
  runId: string;
  id?: string;
  subagentRunId?: string;
}

export interface IMessageItem extends IItemBase {
  kind: 'message';
  id: string;
  role: string;
  content: Json;
  done: boolean;
}

export interface IReasoningItem extends IItemBase {
  kind: 'reasoning';
  id: string;
  content: string;
  done: boolean;
}

export interface IToolItem extends IItemBase {
  kind: 'tool';
  id: string;
  name: string;
  args: string;
  status: 'streaming' | 'running' | 'waiting' | 'done';
  outputs: IOutput[];
  note?: string;
  result?: Json;
  /** Its worker said how it ended: code that ran without an error; false also where nothing was done. */
  ok?: boolean;
  interruptId?: string;
  decision?: IDecided;
  /** The diff that the person was last asked about. */
  diff?: string;
  startedAt?: number;
  endedAt?: number;
}

export interface IActivityItem extends IItemBase {
  kind: 'activity';
  id: string;
  activityType: string;
  content: Json;
}

export interface IStepItem extends IItemBase {
  kind: 'step';
  id: string;
  done: boolean;
}

export interface ISubagentItem extends IItemBase {
  kind: 'subagent';
  id: string;
  name: string;
  description?: string;
  parentToolCallId?: string;
  status: 'running' | 'waiting' | 'done' | 'failed';
  message?: string;
}

export interface IErrorItem extends IItemBase {
  kind: 'error';
  code: string;
  message: string;
}

export interface ICancelledItem extends IItemBase {
  kind: 'cancelled';
}

/** A CUSTOM event: `notice` for ours that are for the person, `custom` for anyone else's. */
export interface INamedItem extends IItemBase {
  kind: 'notice' | 'custom';
  name: string;
  value: Json;
}

export interface IRawItem extends IItemBase {
  kind: 'raw';
  event: AgEvent;
}

export type Item =
  | IMessageItem
  | IReasoningItem
  | IToolItem
  | IActivityItem
  | IStepItem
  | ISubagentItem
  | IErrorItem
  | ICancelledItem
  | INamedItem
  | IRawItem;

/** The fold of a journal up to `cursor`. */
export interface IState {
  cursor: number;
  title: string;
  status: ThreadStatus;
  items: Item[];
  runs: IRunState[];
  interrupts: IInterrupt[];
  usage: { [name: string]: number };
  state: Json;
}

/** One answer to one interrupt: AG-UI's ResumeEntry. */
export interface IResumeEntry {
  interruptId: string;
  status: 'resolved' | 'cancelled';
  payload?: JsonObject;
  /** Of the question as it was shown. */
  digest?: string;
}

export interface IStarted {
  runId: string;
  threadId: string;
  cursor: number;
}

export interface IThread {
  threadId: string;
  title: string;
  status: ThreadStatus;
  cursor: number;
  name?: string | null;
  notebookPath?: string | null;
  kernelId?: string | null;
  archived?: boolean;
  createdAt?: string;
  updatedAt?: string;
}

/** The kernel that a decision would run in. `missing`: names that the code uses and it does not define. */
export interface IThreadKernel {
  state: 'same' | 'new' | 'none' | 'unbound';
  kernelId: string | null;
  missing?: string[];
}

/** An open question, as `GET interrupts` lists it. */
export interface IWaiting extends IInterrupt {
  threadId: string;
  toolName?: string;
  args?: JsonObject;
  createdAt?: string;
}

/** An agent that can be chosen. */
export interface IAgent {
  name: string;
  description?: string;
  models?: string[];
  /** It answers a message that names no agent. */
  default?: boolean;
  /** The model that it uses by itself. */
  model?: string;
  /** Absent: ready. */
  state?: string;
  hint?: string;
}

/** A person's standing yes to calls of a tool, as `GET policy` lists it; `tool` is a glob. */
export interface IGrant {
  grantId: string;
  tool: string;
  scope: 'thread' | 'notebook';
  covers: 'call' | 'simple' | 'all';
  createdAt: string;
  expiresAt?: string | null;
}

/** A reply's `error`; `field` names the member of the request that is wrong. */
export interface IWireError {
  code: string;
  message: string;
  field?: string;
  /** Of `question_changed`: the questions as they are. */
  interrupts?: Omit<IInterrupt, 'runId'>[];
}

/** Page to server, over the one socket. */
export type UpMessage =
  | { type: 'follow'; threadId: string; cursor: number }
  | { type: 'unfollow'; threadId: string }
  | { type: 'watch' }
  | { type: 'offer'; paths: string[]; front: boolean }
  | { type: 'answer'; id: number; answer: JsonObject };

/** Server to page. */
export type DownMessage =
  | { type: 'events'; threadId: string; events: IEntry[] }
  | { type: 'state'; threadId: string; status: ThreadStatus; cursor: number }
  | { type: 'error'; threadId?: string; error: IWireError }
  | { type: 'changed' }
  | { type: 'notebook'; id: number; path: string; request: INotebookRequest }
  | { type: 'heartbeat' };

/** What an agent may ask of an open notebook, and its answers: model/notebooks.py. */
export type INotebookRequest =
  | { do: 'ping' }
  | { do: 'read'; cell?: string; start?: number; outline?: boolean }
  | {
      do: 'insert';
      cell: string;
      source: string;
      type?: 'code' | 'markdown';
      after?: string;
      made?: IMade;
    }
  | { do: 'edit'; cell: string; was: string; source: string }
  | { do: 'delete'; cell: string; was: string }
  | { do: 'move'; cell: string; was: string; after?: string }
  | { do: 'outputs'; cell: string; was: string; outputs: IOutput[]; count?: number }
  | { do: 'several'; steps: NotebookStep[]; dry?: boolean; expect?: string[] };

/** The call whose code a cell shows, as the cell's metadata keeps it below `lobu`. */
export interface IMade {
  threadId: string;
  runId: string;
  toolCallId: string;
  /** The person's message. */
  messageId?: string;
}

/** A step that takes a change back: model/notebook_steps.py. */
export type NotebookStep =
  | { do: 'edit'; cell: string; was: string; source: string }
  | { do: 'delete'; cell: string; was: string }
  | { do: 'put_back'; cell: string; content: JsonObject; after?: string }
  | { do: 'move_back'; cell: string; was: string; after: string; above: string };

/** The data of `application/vnd.lobu.thread+json`. */
export interface ICellOutput {
  version: number;
  threadId: string;
  runId: string;
  /** Runs that were started from the output and are shown in it, too. */
  also?: string[];
  cursor: number;
  prompt: string;
  snapshot?: IState;
}

export const OUTPUT_MIME = 'application/vnd.lobu.thread+json';
/** Of a live ipywidget: which model its view is of. */
export const WIDGET_MIME = 'application/vnd.jupyter.widget-view+json';
