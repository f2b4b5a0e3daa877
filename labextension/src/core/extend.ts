/** Values of events: outputs and usage that come in parts, names of what was sent along. */
import { list, object, text } from './json';
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

/** An activity's content after an RFC 6902 patch of `replace`, or null: it does not fit. */
export function patched(content: Json, patch: Json[]): Json | null {
  const changed = JSON.parse(JSON.stringify(content)) as Json;
  return patch.every(step => replaced(changed, object(step))) ? changed : null;
}

function replaced(content: Json, { op, path, value }: JsonObject): boolean {
  const [root, ...way] = text(path)
    .split('/')
    .map(part => part.replace(/~1/g, '/').replace(/~0/g, '~'));
  const last = way.pop() ?? '';
  const holder = way.reduce<Json>((at, part) => (has(at, part) ? at[part] : null), content);
  if (op !== 'replace' || root || value === undefined || !has(holder, last)) {
    return false;
  }
  holder[last] = value;
  return true;
}

function has(holder: Json, part: string): holder is JsonObject {
  const isList = Array.isArray(holder);
  return (
    typeof holder === 'object' &&
    Object.hasOwn(holder ?? {}, part) &&
    !(isList && part === 'length')
  );
}
