/** One run's part of a thread: what a cell output shows. */
import { IInterrupt, IRunState, IState, Item } from './wire';

/** A run and its continuations, with all that belongs to them. */
export interface ISlice {
  runs: IRunState[];
  items: Item[];
  interrupts: IInterrupt[];
}

/** The slice of `runId`, of `also` and of the runs that resumed them; all of the thread for null. */
export function sliceOf(state: IState, runId: string | null, also: string[] = []): ISlice {
  if (runId === null) {
    return state;
  }
  const chain = new Set([runId, ...also]);
  for (const run of state.runs) {
    if (run.parentRunId !== undefined && chain.has(run.parentRunId)) {
      chain.add(run.runId);
    }
  }
  const mine = (one: { runId: string }): boolean => chain.has(one.runId);
  return {
    runs: state.runs.filter(mine),
    items: state.items.filter(mine),
    interrupts: state.interrupts.filter(mine)
  };
}

/** The run that tells how the slice stands: what is at work, though a later one was withdrawn; else the last. */
export function lastRun(slice: ISlice): IRunState | undefined {
  return slice.runs.find(run => run.status === 'running') ?? slice.runs[slice.runs.length - 1];
}

/** The person's words that began a run, also one that was resumed since. */
export function promptOf(slice: ISlice): string {
  const first = slice.items.find(item => item.kind === 'message' && item.role === 'user');
  return first?.kind === 'message' ? textOf(first.content) : '';
}

/** The agent's last words. */
export function lastAnswer(slice: ISlice): string {
  for (const item of [...slice.items].reverse()) {
    if (item.kind === 'message' && item.role === 'assistant' && textOf(item.content)) {
      return textOf(item.content);
    }
  }
  return '';
}

/** The text of a message's content: a string, or AG-UI parts. */
export function textOf(content: unknown): string {
  if (typeof content === 'string') {
    return content;
  }
  if (!Array.isArray(content)) {
    return '';
  }
  return content
    .map((part: unknown) => (part as { text?: unknown } | null)?.text)
    .filter(text => typeof text === 'string')
    .join('');
}
