/** nbformat text: a string, or its lines. */
export function joined(part: unknown): string {
  if (Array.isArray(part)) {
    return part.map(String).join('');
  }
  return typeof part === 'string' ? part : '';
}
