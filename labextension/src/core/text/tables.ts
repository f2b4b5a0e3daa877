/** Tables as they are read: in a box of their own that scrolls, numbers on the right. */
import { ITrans } from '../host';

const NUMBER =
  /^[-+−]?[$€£]?[-+]?\d[\d.,\s_']*(?:e[-+]?\d+)?\s*[%‰€$£]?$|^[-+]?\.\d+$|^(?:[-+]?(?:nan|inf)|nat|<na>|none|\.\.\.|…)$/i;
const LONGEST_NUMBER = 64;
const SHORT = 32; // characters that are never wrapped
const CLEAR = new Set(['', 'initial', 'transparent', 'inherit', 'unset']);
const PINNED = 6; // columns, from which on the first one stays in sight

/** Put each table below `root` into its box. */
export function layTables(root: ParentNode, trans: ITrans): void {
  for (const table of root.querySelectorAll('table')) {
    if (table.parentElement?.closest('table, .lobu-table')) {
      continue; // it stays a part of its cell, or has its box
    }
    const box = document.createElement('div');
    box.className = 'lobu-table';
    box.tabIndex = 0; // it scrolls with the arrow keys
    box.setAttribute('role', 'region');
    box.setAttribute('aria-label', table.caption?.textContent?.trim() || trans.__('Table'));
    table.replaceWith(box);
    box.appendChild(table);
    alignColumns(table);
    const said = cutNote(table, trans);
    if (said) {
      const note = document.createElement('p');
      note.className = 'lobu-table-note';
      note.textContent = said;
      box.after(note);
    }
  }
}

/** How much of the table is shown, where it is not all; see rows.ts. */
function cutNote(table: HTMLTableElement, trans: ITrans): string {
  const of = /(?:^|\s)lobu-of-(\d{1,9})-(\d{1,9})(?:\s|$)/.exec(table.className);
  table.removeAttribute('class');
  if (of === null) {
    return '';
  }
  const rows = table.rows.length - (table.tHead?.rows.length ?? 0);
  const columns = Math.max(0, ...[...table.rows].map(row => row.cells.length));
  const [allRows, allColumns] = [Number(of[1]), Number(of[2])];
  const amount = (n: number): string => n.toLocaleString();
  return [
    rows < allRows ? trans.__('First %1 of %2 rows', amount(rows), amount(allRows)) : '',
    columns < allColumns
      ? trans.__('First %1 of %2 columns', amount(columns), amount(allColumns))
      : ''
  ]
    .filter(Boolean)
    .join(' · ');
}

interface ICell {
  cell: HTMLTableCellElement;
  column: number;
  body: boolean;
}

function alignColumns(table: HTMLTableElement): void {
  const cells = placed(table);
  const texts = new Map(cells.map(({ cell }) => [cell, (cell.textContent ?? '').trim()]));
  const columns = new Map<number, { numbers: number; words: number }>();
  for (const { cell, column, body } of cells) {
    const text = texts.get(cell) ?? '';
    if (body && cell.tagName === 'TD' && text !== '') {
      const seen = columns.get(column) ?? { numbers: 0, words: 0 };
      seen[text.length <= LONGEST_NUMBER && NUMBER.test(text) ? 'numbers' : 'words']++;
      columns.set(column, seen);
    }
  }
  const isNumeric = (column: number): boolean => {
    const seen = columns.get(column);
    return seen !== undefined && seen.numbers > 0 && seen.words === 0;
  };
  for (const { cell, column } of cells) {
    const text = texts.get(cell) ?? '';
    const bare = !cell.hasAttribute('align') && cell.style.textAlign === '';
    if (bare && cell.colSpan === 1 && isNumeric(column)) {
      cell.classList.add('lobu-number');
    } else if (text !== '' && !cell.hasAttribute('dir')) {
      cell.dir = 'auto';
    }
    if (text.length > SHORT) {
      cell.classList.add('lobu-long');
    }
    if (!CLEAR.has(cell.style.backgroundColor) && cell.style.color === '') {
      cell.classList.add('lobu-on-colour'); // its author had dark text in mind
    }
  }
  const index = cells.filter(
    ({ cell, body, column }) => body && column === 0 && cell.tagName === 'TH'
  );
  if (columns.size >= PINNED && index.length > 0 && index.every(({ cell }) => cell.rowSpan === 1)) {
    index.forEach(({ cell }) => cell.classList.add('lobu-pinned'));
  }
}

/** The cells of a table with the column that each begins at. */
function placed(table: HTMLTableElement): ICell[] {
  const found: ICell[] = [];
  let above: number[] = []; // rows that a cell above still covers, by column
  for (const row of table.rows) {
    const body = row.parentElement?.tagName !== 'THEAD';
    const next = above.map(n => Math.max(0, n - 1));
    let column = 0;
    for (const cell of row.cells) {
      while ((above[column] ?? 0) > 0) {
        column++;
      }
      found.push({ cell, column, body });
      const width = Math.min(cell.colSpan, 100);
      for (let i = 0; i < width; i++) {
        next[column + i] = Math.min(cell.rowSpan, 1000) - 1;
      }
      column += width;
    }
    above = [...next].map(n => n ?? 0);
  }
  return found;
}
