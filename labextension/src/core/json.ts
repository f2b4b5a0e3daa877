/** Members of JSON objects whose form is not known yet. */
import { Json, JsonObject } from './wire';

export function text(value: Json | undefined): string {
  return typeof value === 'string'
    ? value
    : value === undefined || value === null
      ? ''
      : JSON.stringify(value);
}

export function list(value: Json | undefined): Json[] {
  return Array.isArray(value) ? value : [];
}

export function object(value: Json | undefined): JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
}

/** A map's key for a kind and an id. */
export function key(kind: string, id: string): string {
  return `${kind} ${id}`;
}

/** The first integer of a JSON text that a double would not hold exactly, or null. */
export function rounded(text: string): string | null {
  const strings = /"(?:[^"\\]|\\.)*"/g;
  for (const [number] of text.replace(strings, '').matchAll(/-?\d{16,}(?![\d.eE])/g)) {
    if (BigInt(number) !== BigInt(Number(number))) {
      return number;
    }
  }
  return null;
}
