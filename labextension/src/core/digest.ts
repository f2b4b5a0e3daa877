/**
 * The digest of what a decision was shown: SHA-256 over the canonical JSON of a question's covered parts.
 *
 * The twin of lobu_jupyter/model/digest.py; the vectors in tests/vectors/digest hold both together.
 * It is computed from the question that a view draws, never taken from data. `crypto.subtle` is
 * absent on pages that came over plain http, hence the library.
 */
import { sha256 } from '@noble/hashes/sha2';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils';
import { IInterrupt } from './wire';

/** The parts that a decision stands for; an empty part counts as absent. A new one goes into digest.py too. */
export const COVERED = [
  'reason',
  'message',
  'toolName',
  'args',
  'argsText',
  'diff',
  'risks',
  'questions',
  'decisions',
  'noGrant',
  'byAgent',
  'unshown',
  'options',
  'agentMode',
  'binds'
] as const;

/** The digest of a question, in hex. */
export function digestOf(interrupt: IInterrupt): string {
  const lobu = member(member(interrupt, 'metadata'), 'lobu');
  const shown: [string, unknown][] = COVERED.map(name => [
    name,
    member(name === 'reason' || name === 'message' ? interrupt : lobu, name)
  ]);
  const parts = Object.fromEntries(shown.filter(([, part]) => !isEmpty(part)));
  return bytesToHex(sha256(utf8ToBytes(canonical(parts))));
}

/** The canonical JSON text (RFC 8785) of a JSON value; lone surrogates are escaped, as JSON.stringify does. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) {
    return `[${value.map(canonical).join(',')}]`;
  }
  if (typeof value === 'object' && value !== null) {
    const members = Object.keys(value).sort(); // by UTF-16 code units
    return `{${members.map(name => `${JSON.stringify(name)}:${canonical(member(value, name))}`).join(',')}}`;
  }
  return JSON.stringify(value) ?? 'null';
}

function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as { [name: string]: unknown })[name]
    : undefined;
}

function isEmpty(part: unknown): boolean {
  return typeof part === 'object' && part !== null ? Object.keys(part).length === 0 : !part;
}
