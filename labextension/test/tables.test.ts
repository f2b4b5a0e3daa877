import { plainTrans } from '../src/core/host';
import { blockHtml, blocks } from '../src/core/text/markdown';
import { firstRows, MOST_CELLS, MOST_COLUMNS, MOST_ROWS } from '../src/core/text/rows';
import { sanitize } from '../src/core/text/sanitize';
import { layTables } from '../src/core/text/tables';

function laid(html: string): HTMLElement {
  const element = document.createElement('div');
  element.innerHTML = html;
  layTables(element, plainTrans);
  return element;
}

function shown(html: string): HTMLElement {
  return laid(sanitize(html));
}

function written(markdown: string): HTMLElement {
  return laid(blocks(markdown).map(blockHtml).join(''));
}

/** As pandas writes it. */
function frame(rows: string[][], head = rows[0].map((_, n) => `c${n}`)): string {
  const cells = (row: string[]): string => row.map(cell => `<td>${cell}</td>`).join('');
  const body = rows.map((row, n) => `<tr><th>${n}</th>${cells(row)}</tr>`).join('');
  return (
    '<div><style scoped>.dataframe tbody tr th { vertical-align: top; }</style>' +
    `<table border="1" class="dataframe"><thead><tr style="text-align: right;"><th></th>` +
    `${head.map(one => `<th>${one}</th>`).join('')}</tr></thead><tbody>${body}</tbody></table></div>`
  );
}

function numbers(rows: number, columns: number): string[][] {
  return Array.from({ length: rows }, (_, r) =>
    Array.from({ length: columns }, (_, c) => `${r * columns + c}`)
  );
}

test('a table stands in a box that scrolls with the keyboard and has a name', () => {
  const found = shown(
    frame([['1']]) + '<table><caption>Sales</caption><tr><td>2</td></tr></table>'
  );
  const boxes = [...found.querySelectorAll<HTMLElement>('.lobu-table')];

  expect(boxes.map(box => [box.tabIndex, box.getAttribute('role')])).toEqual([
    [0, 'region'],
    [0, 'region']
  ]);
  expect(boxes.map(box => box.getAttribute('aria-label'))).toEqual(['Table', 'Sales']);
  layTables(found, plainTrans);
  expect(found.querySelectorAll('.lobu-table')).toHaveLength(2);
  expect(
    shown('<table><tr><td><table><tr><td>1</td></tr></table></td></tr></table>').querySelectorAll(
      '.lobu-table'
    )
  ).toHaveLength(1);
});

test('columns of numbers stand on the right, with their heads; words where they begin', () => {
  const rows = [
    ['north', '1', '-2.5e+10', '45 %', 'NaN', '2024-01-01', '1'],
    ['שלום', '1,000', '3.0', '7 %', '1.5', '2024-01-02', 'x']
  ];
  const found = shown(frame(rows));
  const right = [...found.querySelectorAll('tbody tr:first-child td')].map(cell =>
    cell.classList.contains('lobu-number')
  );
  const heads = [...found.querySelectorAll('thead th')].map(cell =>
    cell.classList.contains('lobu-number')
  );

  expect(right).toEqual([false, true, true, true, true, false, false]);
  expect(heads).toEqual([false, ...right]);
  expect(found.querySelector<HTMLElement>('tbody td')?.dir).toBe('auto');
});

test('alignment that the author gave stays', () => {
  const found = written('| a | b |\n|:-:|--:|\n| 1 | two |');

  expect([...found.querySelectorAll('td')].map(cell => [cell.align, cell.className])).toEqual([
    ['center', ''],
    ['right', '']
  ]);
});

test('the columns of a MultiIndex are counted past the cells that reach over them', () => {
  const found = shown(
    '<table><thead><tr><th></th><th></th><th colspan="2">s</th></tr>' +
      '<tr><th>r</th><th>q</th><th>a</th><th>b</th></tr></thead>' +
      '<tbody><tr><th rowspan="2">e</th><th>1</th><td>x</td><td>1</td></tr>' +
      '<tr><th>2</th><td>y</td><td>3</td></tr></tbody></table>'
  );
  const right = [...found.querySelectorAll('.lobu-number')].map(cell => cell.textContent);

  expect(right).toEqual(['b', '1', '3']);
  expect(found.querySelector('.lobu-pinned')).toBeNull();
});

test('only long texts are wrapped, and the index of a wide frame stays in sight', () => {
  const found = shown(frame([['short', 'long '.repeat(20), ...Array<string>(8).fill('1')]]));

  expect(found.querySelectorAll('.lobu-long')).toHaveLength(1);
  expect(found.querySelectorAll('.lobu-pinned')).toHaveLength(1);
});

test('of 10,000 rows the first are shown, with a word; pandas’ own line stays', () => {
  const found = shown(frame(numbers(10_000, 3)) + '<p>10000 rows × 3 columns</p>');

  expect(found.querySelectorAll('tbody tr')).toHaveLength(MOST_ROWS);
  expect(found.querySelectorAll('thead tr')).toHaveLength(1);
  expect(found.querySelector('.lobu-table-note')?.textContent).toBe('First 200 of 10,000 rows');
  expect(found.textContent).toMatch('10000 rows × 3 columns');
  expect(shown(frame(numbers(MOST_ROWS, 3))).querySelector('.lobu-table-note')).toBeNull();
});

test('a table is cut before it is parsed: wide ones, unclosed ones, several', () => {
  const wide = shown(frame(numbers(3, 3000)));
  expect(wide.querySelectorAll('tbody tr')).toHaveLength(3);
  expect(wide.querySelectorAll('tbody tr:first-child td').length).toBeLessThanOrEqual(MOST_COLUMNS);
  expect(wide.querySelector('.lobu-table-note')?.textContent).toBe('First 250 of 3,001 columns');

  const square = shown(frame(numbers(1000, 200)));
  expect(square.querySelectorAll('td').length).toBeLessThan(MOST_CELLS + 500);

  const open = firstRows(`<table>${'<tr><td>1<td>2'.repeat(5000)}`);
  expect(open.match(/<tr/g)).toHaveLength(MOST_ROWS);

  const two = shown(frame(numbers(500, 1)) + '<p>between</p>' + frame(numbers(2, 1)));
  expect([...two.querySelectorAll('table')].map(one => one.rows.length)).toEqual([201, 3]);
  expect(two.textContent).toMatch('between');
  expect(two.querySelectorAll('.lobu-table-note')).toHaveLength(1);
});

test('what is no table passes as it is', () => {
  for (const html of ['', '<p>a</p>', 'a < b <trx> </table></tr> c', '<table></table>']) {
    expect(firstRows(html)).toBe(html);
  }
});

test('a long markdown table is cut before its cells are parsed', () => {
  const rows = Array.from({ length: 10_000 }, (_, n) => `| ${n} | **b** |`).join('\n');
  const began = performance.now();
  const found = written(`| a | b |\n|---|---|\n${rows}\n\nafter`);

  expect(performance.now() - began).toBeLessThan(3000);
  expect(found.querySelectorAll('tbody tr')).toHaveLength(MOST_ROWS);
  expect(found.querySelector('.lobu-table-note')?.textContent).toBe('First 200 of 10,000 rows');
  expect(found.lastElementChild?.textContent).toBe('after');
});

const STYLED = `<style type="text/css">
#T_1 th { font-weight: bold; position: fixed; }
#T_1_row0_col0, #T_1_row1_col0 { background-color: yellow; }
#T_1_row1_col0 { width: 10em; background: linear-gradient(90deg, #d65f5f 50.0%, transparent 50.0%); color: #f1f1f1; }
#T_1_row1_col1 { background-image: url(https://example.org/x.png); }
body, .lobu-card, td:hover { color: red; }
@import url(https://example.org/x.css);
</style>
<table id="T_1"><thead><tr><th class="blank">&nbsp;</th><th>x</th><th>y</th></tr></thead>
<tbody><tr><th>0</th><td id="T_1_row0_col0" class="data row0 col0">1</td><td>2</td></tr>
<tr><th>1</th><td id="T_1_row1_col0">3</td><td id="T_1_row1_col1" style="color: blue">4</td></tr></tbody></table>`;

test('a Styler keeps its colours, and nothing of its sheet that could reach further', () => {
  const found = shown(STYLED);
  const cells = [...found.querySelectorAll('td')];

  expect(cells[0].style.backgroundColor).toBe('yellow');
  expect(cells[0].classList).toContain('lobu-on-colour');
  expect(cells[2].getAttribute('style')).toMatch(/linear-gradient\(90deg/);
  expect(cells[2].style.color).not.toBe('');
  expect(cells[3].style.color).toBe('blue');
  expect(found.querySelector('th')?.style.fontWeight).toBe('bold');
  expect(found.innerHTML).not.toMatch(/url|fixed|width|<style|id=|red/);
});

test.each([
  '',
  '#1',
  '..',
  'td >',
  '#T[x=\\',
  '{',
  '}{',
  '@media print { #T',
  '/* # */',
  '*',
  ':is(#T)'
])('a selector that is none, or none of ours, styles nothing: %s', selector => {
  const found = shown(`<style>#a ${selector} { color: red }</style>${frame([['1']])}`);

  expect(found.querySelectorAll('td')).toHaveLength(1);
  expect(found.innerHTML).not.toMatch('color');
});

test('a sheet with many rules costs a bounded amount', () => {
  const rules = Array.from({ length: 4000 }, (_, n) => `#T td.c${n % 7} { color: red }`).join('\n');
  const began = performance.now();

  const found = shown(`<style>${rules}</style>${frame(numbers(200, 20))}`);

  expect(found.querySelectorAll('td').length).toBe(4000);
  expect(performance.now() - began).toBeLessThan(10_000);
});
