/** Words in a row. */
import { ITrans } from '../host';

/** `a`, `a and b`, `a, b and c`. */
export function listed(parts: string[], trans: ITrans): string {
  const last = parts[parts.length - 1];
  return parts.length < 2 ? last : trans.__('%1 and %2', parts.slice(0, -1).join(', '), last);
}
