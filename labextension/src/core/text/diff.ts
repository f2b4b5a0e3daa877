/** Line diffs: read from unified text, or made of two texts. */

import { ITrans } from '../host';

export interface IDiffLine {
  kind: 'same' | 'added' | 'removed' | 'head';
  text: string;
  /** Which characters differ from the line that it replaces, or that replaces it: from, to. */
  words?: [number, number][];
}

const HUNK = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@/;

/** The lines of a unified diff, its headers as a person would say them. No line is left out. */
export function unified(diff: string, trans: ITrans): IDiffLine[] {
  const found: IDiffLine[] = [];
  let [before, after] = [0, 0]; // lines that the hunk still owes
  const all = diff.replace(/\n$/, '').split('\n');
  for (const [i, line] of all.entries()) {
    const hunk = HUNK.exec(line);
    if (before > 0 || after > 0) {
      before -= line[0] === '+' || line[0] === '\\' ? 0 : 1;
      after -= line[0] === '-' || line[0] === '\\' ? 0 : 1;
      found.push(inHunk(line, trans));
    } else if (hunk) {
      [before, after] = [Number(hunk[2] ?? 1), Number(hunk[4] ?? 1)];
      found.push({
        kind: 'head',
        text: place(Number(hunk[after ? 3 : 1]), after || before, trans)
      });
    } else if (line.startsWith('+++ ') && all[i - 1]?.startsWith('--- ')) {
      found[found.length - 1].text = fileNames(all[i - 1].slice(4), line.slice(4), trans);
    } else {
      found.push(line.startsWith('\\') ? inHunk(line, trans) : { kind: 'head', text: line });
    }
  }
  return found;
}

function inHunk(line: string, trans: ITrans): IDiffLine {
  if (line.startsWith('\\')) {
    return { kind: 'head', text: trans.__('No line break at the end') };
  }
  const kind = line[0] === '+' ? 'added' : line[0] === '-' ? 'removed' : 'same';
  return { kind, text: line.slice(1) };
}

function place(first: number, count: number, trans: ITrans): string {
  return count > 1 ? trans.__('Lines %1–%2', first, first + count - 1) : trans.__('Line %1', first);
}

function fileNames(old: string, now: string, trans: ITrans): string {
  const [before, after] = [fileName(old, 'a/'), fileName(now, 'b/')];
  if (old === '/dev/null') {
    return trans.__('New file: %1', after);
  }
  return now === '/dev/null'
    ? trans.__('Deleted: %1', before)
    : before === after
      ? after
      : `${before} → ${after}`;
}

function fileName(name: string, prefix: string): string {
  return name.startsWith(prefix) ? name.slice(prefix.length) : name;
}

const LONGEST = 2000;

/** What turns `before` into `after`, by longest common subsequence of lines. */
export function compare(before: string, after: string): IDiffLine[] {
  return difference(before.split('\n'), after.split('\n'));
}

function difference(a: string[], b: string[]): IDiffLine[] {
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

const WORDS = /[\p{L}\p{N}_]+|\s+|[^\p{L}\p{N}_\s]/gu;
const MOST_WORDS = 200;

/** Mark the words that differ, where as many lines were added as removed in one place. */
export function withWords(all: IDiffLine[]): IDiffLine[] {
  const found = [...all];
  for (let i = 0; i < all.length;) {
    const removed = span(all, i, 'removed');
    const added = span(all, i + removed, 'added');
    for (let n = 0; removed === added && n < removed; n++) {
      const [old, now] = [i + n, i + removed + n];
      [found[old], found[now]] = marked(all[old], all[now]);
    }
    i += Math.max(1, removed + added);
  }
  return found;
}

/** How many lines of a kind follow from there on. */
function span(all: IDiffLine[], from: number, kind: IDiffLine['kind']): number {
  const end = all.findIndex((line, i) => i >= from && line.kind !== kind);
  return (end < 0 ? all.length : end) - from;
}

function marked(removed: IDiffLine, added: IDiffLine): [IDiffLine, IDiffLine] {
  const [a, b] = [removed, added].map(line => line.text.match(WORDS) ?? []);
  if (a.length > MOST_WORDS || b.length > MOST_WORDS) {
    return [removed, added];
  }
  const words = difference(a, b);
  const same = words.filter(word => word.kind === 'same' && word.text.trim()).length;
  if (same === 0) {
    return [removed, added]; // nothing in common: the whole line differs
  }
  return [
    { ...removed, words: places(words, 'removed') },
    { ...added, words: places(words, 'added') }
  ];
}

function places(words: IDiffLine[], kind: IDiffLine['kind']): [number, number][] {
  const found: [number, number][] = [];
  let at = 0;
  for (const word of words.filter(one => one.kind === kind || one.kind === 'same')) {
    const last = found[found.length - 1];
    if (word.kind === kind && last?.[1] === at) {
      last[1] += word.text.length;
    } else if (word.kind === kind) {
      found.push([at, at + word.text.length]);
    }
    at += word.text.length;
  }
  return found;
}
