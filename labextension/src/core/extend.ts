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

const OWN =
  /^(?:(?:input|output|total|reasoning|cachedInput|cacheWriteInput)Tokens|provider|model)$/;

/** A terminal event's usage: AG-UI's TokenUsage, each with what `metadata.lobu.usage` says beside it, or it itself once did. */
export function usagesOf(event: JsonObject): JsonObject[] {
  const beside = list(object(object(event.metadata).lobu).usage);
  return list(event.usage).map((entry, index) => {
    const own: JsonObject = {};
    const more: JsonObject = {};
    const { metadata, ...members } = object(entry);
    for (const [name, value] of Object.entries(members)) {
      (OWN.test(name) ? own : more)[name] = value;
    }
    Object.assign(more, object(metadata), object(beside[index]));
    return Object.keys(more).length > 0 ? { ...own, metadata: more } : own;
  });
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

/** An activity's content after an RFC 6902 patch of add, replace and remove, or null: it does not fit. */
export function patched(content: Json, patch: Json[]): Json | null {
  const changed = JSON.parse(JSON.stringify(content)) as Json;
  return patch.every(step => applied(changed, object(step))) ? changed : null;
}

function applied(content: Json, step: JsonObject): boolean {
  const { op, path, value } = step;
  if (
    typeof path !== 'string' ||
    !path.startsWith('/') ||
    (op !== 'remove' && !('value' in step))
  ) {
    return false;
  }
  const way = path.slice(1).split('/').map(unescaped);
  const last = way.pop() ?? '';
  let holder: Json | undefined = content;
  for (const part of way) {
    holder = has(holder, part) ? (holder as JsonObject)[part] : undefined;
  }
  const adds = op === 'add';
  if (
    typeof holder !== 'object' ||
    holder === null ||
    !(adds || op === 'replace' || op === 'remove')
  ) {
    return false;
  }
  if (Array.isArray(holder)) {
    const end = String(holder.length);
    const at = adds && (last === '-' || last === end) ? holder.length : Number(last);
    const fits = has(holder, last) || (adds && at === holder.length);
    return fits && !!holder.splice(at, adds ? 0 : 1, ...(op === 'remove' ? [] : [value]));
  }
  if (last === '__proto__' || (!adds && !has(holder, last))) {
    return false;
  }
  return op === 'remove' ? delete holder[last] : ((holder[last] = value), true);
}

function has(holder: Json | undefined, part: string): boolean {
  return Array.isArray(holder)
    ? /^(0|[1-9]\d*)$/.test(part) && Number(part) < holder.length
    : typeof holder === 'object' && holder !== null && Object.hasOwn(holder, part);
}

function unescaped(part: string): string {
  return part.replace(/~1/g, '/').replace(/~0/g, '~');
}
