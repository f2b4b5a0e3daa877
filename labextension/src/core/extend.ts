/** Outputs and usage that come in parts. */
import { list, object } from './json';
import { joined } from './text/joined';
import { IOutput, Json } from './wire';

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
