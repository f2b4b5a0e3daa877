/** Unified diffs, held against the texts that they claim to be of. */

const HUNK = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@/;

/** Does `diff` turn exactly `before` into exactly `after`? A line feed at their ends does not count. */
export function turns(diff: string, before: string, after: string): boolean {
  return patched(diff, linesOf(before))?.join('\n') === linesOf(after).join('\n');
}

/** The lines that the diff makes of `before`, or null where it is not a diff of them. */
function patched(diff: string, before: string[]): string[] | null {
  const found: string[] = [];
  let at = 0; // in `before`
  let [minus, plus] = [0, 0]; // lines that the hunk still owes
  for (const line of linesOf(diff)) {
    const text = line.slice(1);
    if (minus + plus > 0) {
      if (line[0] !== '+' && before[at++] !== text) {
        return null;
      }
      if (line[0] !== '-') {
        found.push(text);
      }
      minus -= line[0] === '+' ? 0 : 1;
      plus -= line[0] === '-' ? 0 : 1;
      continue;
    }
    const hunk = HUNK.exec(line);
    if (hunk !== null) {
      [minus, plus] = [Number(hunk[2] ?? 1), Number(hunk[4] ?? 1)];
      const start = Number(hunk[1]) - (minus > 0 ? 1 : 0);
      if (start < at || start > before.length) {
        return null;
      }
      found.push(...before.slice(at, start));
      at = start;
    }
  }
  return minus + plus === 0 ? [...found, ...before.slice(at)] : null;
}

function linesOf(text: string): string[] {
  return text === '' ? [] : text.replace(/\n$/, '').split('\n');
}
