/** A tool call's arguments while they still stream. */
import { JsonObject } from '../wire';

/** The arguments once they are whole JSON, else null. */
export function parsed(args: string): JsonObject | null {
  try {
    const value: unknown = JSON.parse(args || '{}');
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as JsonObject)
      : null;
  } catch {
    return null; // still streaming
  }
}

/** As much of the string member `name` as has come: of whole arguments, or of their beginning. */
export function member(args: string, name: string): string | null {
  const whole = parsed(args);
  if (whole !== null) {
    const value = whole[name];
    return typeof value === 'string' ? value : null;
  }
  const start = new RegExp(`"${name}"\\s*:\\s*"`).exec(args);
  if (start === null) {
    return null;
  }
  const rest = args.slice(start.index + start[0].length);
  const text = /^(?:[^"\\]|\\u[0-9a-fA-F]{4}|\\[^u])*/.exec(rest)?.[0] ?? '';
  return JSON.parse(`"${text.replace(/[\u0000-\u001f]/g, ' ')}"`) as string;
}
