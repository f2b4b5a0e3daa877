/** Values of events: outputs and usage that come in parts, names of what was sent along. */
import { list, object } from './json';
import { joined } from './text/joined';
import { IOutput, IRunState, Json, JsonObject } from './wire';

/** Join a further part of an output to the one of its index. */
export function extend(known: IOutput, more: IOutput): void {
  if (more.text !== undefined) {
    known.text = joined(known.text) + joined(more.text);
  }
  for (const [mime, data] of Object.entries(more.data ?? {})) {
    known.data ??= {};
    const before = known.data[mime];
    known.data[mime] =
      typeof before === 'string' && typeof data === 'string' ? before + data : data;
  }
}

/** Add a run's usage to the thread's sums. */
export function addUsage(sums: { [name: string]: number }, usage: Json | undefined): void {
  for (const [name, count] of list(usage).flatMap(one => Object.entries(object(one)))) {
    if (Number.isInteger(count)) {
      sums[name] = (sums[name] ?? 0) + Number(count);
    }
  }
}

const MOST_CONTEXT = 20;
const LONGEST_DESCRIPTION = 200; // characters, as Python counts them

/** What the entries of an AG-UI context are called. */
export function descriptions(context: Json): string[] {
  return list(context)
    .slice(0, MOST_CONTEXT)
    .map(entry => object(entry).description)
    .filter(name => typeof name === 'string')
    .filter(name => name !== '')
    .map(name => [...name].slice(0, LONGEST_DESCRIPTION).join(''));
}

/** A cell or file was changed by the run, or a change of it was taken back. */
export function countChange(run: IRunState | undefined, change: JsonObject): void {
  if (run !== undefined) {
    run.changes = (run.changes ?? 0) + (change.undone ? -1 : 1);
  }
}
