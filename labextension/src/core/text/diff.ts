/** Line diffs: read from unified text, or made of two texts. */

export interface IDiffLine {
  kind: 'same' | 'added' | 'removed' | 'head';
  text: string;
}

/** The lines of a unified diff. */
export function unified(diff: string): IDiffLine[] {
  return diff
    .replace(/\n$/, '')
    .split('\n')
    .filter(line => !line.startsWith('\\ No newline'))
    .map(line => {
      if (/^(@@|--- |\+\+\+ |diff |index )/.test(line)) {
        return { kind: 'head', text: line };
      }
      const kind = line[0] === '+' ? 'added' : line[0] === '-' ? 'removed' : 'same';
      return { kind, text: line.slice(1) };
    });
}

const LONGEST = 2000;

/** What turns `before` into `after`, by longest common subsequence of lines. */
export function compare(before: string, after: string): IDiffLine[] {
  const a = before.split('\n');
  const b = after.split('\n');
  if (a.length > LONGEST || b.length > LONGEST) {
    return [...lines('removed', a), ...lines('added', b)];
  }
  const common = table(a, b);
  const found: IDiffLine[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length && j < b.length) {
    if (a[i] === b[j]) {
      found.push({ kind: 'same', text: a[i] });
      i++;
      j++;
    } else if (common[i + 1][j] >= common[i][j + 1]) {
      found.push({ kind: 'removed', text: a[i++] });
    } else {
      found.push({ kind: 'added', text: b[j++] });
    }
  }
  return [...found, ...lines('removed', a.slice(i)), ...lines('added', b.slice(j))];
}

/** `table[i][j]`: how many lines a[i…] and b[j…] have in common. */
function table(a: string[], b: string[]): Uint16Array[] {
  const rows = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      rows[i][j] =
        a[i] === b[j] ? rows[i + 1][j + 1] + 1 : Math.max(rows[i + 1][j], rows[i][j + 1]);
    }
  }
  return rows;
}

function lines(kind: IDiffLine['kind'], texts: string[]): IDiffLine[] {
  return texts.map(text => ({ kind, text }));
}
