import { readFileSync } from 'fs';
import { join } from 'path';
import { member } from '../src/core/text/args';
import { compare, unified } from '../src/core/text/diff';
import { plainTrans } from '../src/core/host';
import { blockHtml, blocks } from '../src/core/text/markdown';
import { morph } from '../src/core/text/morph';
import { sanitize } from '../src/core/text/sanitize';
import { plain, settle, spans } from '../src/core/text/terminal';

function html(markdown: string): string {
  return blocks(markdown).map(blockHtml).join('');
}

function dom(source: string): HTMLElement {
  const element = document.createElement('div');
  element.innerHTML = source;
  return element;
}

const ATTACKS = [
  '<script>alert(1)</script>',
  '<img src=x onerror=alert(1)>',
  '<img src="https://example.org/pixel.png">',
  '<svg><script>alert(1)</script></svg>',
  '<iframe srcdoc="<script>alert(1)</script>"></iframe>',
  '<a href="javascript:alert(1)">x</a>',
  '<a href="data:text/html,<script>alert(1)</script>">x</a>',
  '<form action="https://example.org"><button>x</button></form>',
  '<style>body { display: none }</style>',
  '<link rel="stylesheet" href="https://example.org/x.css">',
  '<meta http-equiv="refresh" content="0;url=https://example.org">',
  '<div style="position: fixed; inset: 0; background: url(https://example.org/x)">x</div>',
  '<div class="jp-Dialog lm-Widget" id="main">x</div>',
  '<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>',
  '<input type="password" name="p" formaction="https://example.org" autofocus>',
  '<video poster="https://example.org/x.png"></video>',
  '<table background="https://example.org/x.png"><tr><td>x</td></tr></table>',
  '<p aria-owns="x" data-commandlinker-command="apputils:print">x</p>'
];

describe.each(ATTACKS)('inert: %s', attack => {
  test.each([
    ['as output', sanitize],
    ['in markdown', html],
    [
      'in a markdown link',
      (a: string) => html(`[x](${a.replace(/[<>\s"]/g, '')}) ![y](https://example.org/y.png)`)
    ]
  ])('%s', (_where, render) => {
    const found = dom(render(attack));

    const tags =
      'script, iframe, form, button, style, link, meta, svg, math, video, [onerror], [id], [name]';
    expect(found.querySelectorAll(tags)).toHaveLength(0);
    for (const element of found.querySelectorAll('*')) {
      expect(element.getAttribute('style') ?? '').not.toMatch(/position|url|inset/);
      expect(element.getAttribute('class') ?? '').not.toMatch(/\b(jp|lm)-/);
      expect(element.getAttribute('href') ?? 'https:').toMatch(/^(https?|mailto):/);
      expect(element.getAttribute('src') ?? 'data:image/').toMatch(/^data:image\//);
      const others = element
        .getAttributeNames()
        .filter(n => /^(on|data-|aria-|background|poster)/.test(n));
      expect(others).toEqual([]);
    }
  });
});

test('a table of a data frame keeps its shape and its harmless styles', () => {
  const found = sanitize(
    '<div><style scoped>.dataframe {}</style><table border="1" class="dataframe"><thead><tr style="text-align: right;">' +
      '<th></th><th>a</th></tr></thead><tbody><tr><th>0</th><td style="background-color: #ffff00">1</td></tr></tbody></table></div>'
  );

  expect(dom(found).querySelectorAll('td, th')).toHaveLength(4);
  expect(found).toMatch('text-align: right');
  expect(found).toMatch('background-color');
  expect(found).not.toMatch('style scoped');
});

test('markdown: tables, code, lists and links are what they should be', () => {
  const found = dom(
    html(
      '| a |\n|---|\n| 1 |\n\n```python\nimport os\n```\n\n- [x] done\n\n<b>shown</b> [l](https://example.org)'
    )
  );

  expect(found.querySelector('td')?.textContent).toBe('1');
  expect(found.querySelector('.hljs-keyword')?.textContent).toBe('import');
  expect(found.querySelector('input')?.getAttribute('type')).toBe('checkbox');
  expect(found.textContent).toMatch('<b>shown</b>');
  expect(found.querySelector('a')?.getAttribute('rel')).toBe('noopener noreferrer');
});

test('markdown: math reaches the typesetter as it was written, and money is no math', () => {
  expect(
    dom(html('so $a_1 * b_1$ and $$\\sum_i x_i$$')).querySelectorAll('.lobu-math')
  ).toHaveLength(2);
  expect(dom(html('so $a_1 * b_1$')).querySelector('.lobu-math')?.textContent).toBe('$a_1 * b_1$');
  expect(html('from $5 to $10 a day')).not.toMatch('lobu-math');
});

test('the blocks of a growing text keep their source, but for the last', () => {
  const text = '# Title\n\nOne **bold** para.\n\n- a\n- b\n\nLast';
  const whole = blocks(text).map(b => b.source.trim());

  for (let length = 1; length <= text.length; length++) {
    const so_far = blocks(text.slice(0, length)).map(b => b.source.trim());
    expect(so_far.slice(0, -1)).toEqual(whole.slice(0, so_far.length - 1));
  }
});

test('morphing keeps the nodes that stay and grows text in place', () => {
  const target = dom('<p>one <b>two</b></p>');
  const [paragraph, bold] = [target.querySelector('p'), target.querySelector('b')];
  const inner = bold?.firstChild;

  morph(target, dom('<p>one <b>two three</b> four</p><p>five</p>'));

  expect(target.innerHTML).toBe('<p>one <b>two three</b> four</p><p>five</p>');
  expect(target.querySelector('p')).toBe(paragraph);
  expect(target.querySelector('b')?.firstChild).toBe(inner);
});

interface IShown {
  name: string;
  text: string;
  shown: string;
}
const SHOWN = JSON.parse(
  readFileSync(join(__dirname, '..', '..', 'tests', 'vectors', 'terminal.json'), 'utf-8')
) as IShown[];

test.each(SHOWN)('a screen shows the same as in Python: $name', ({ text, shown }) => {
  expect(plain(text)).toBe(shown);
  expect(
    spans(text)
      .map(span => span.text)
      .join('')
  ).toBe(shown);
});

test('terminal text: progress bars overwrite, colours become spans, other codes vanish', () => {
  expect(settle('10%\r50%\r100%\ndone\r\nab\bc')).toBe('100%\ndone\nac');
  expect(spans('\u001b[1;31mred\u001b[0m plain\u001b[?25l\u001b[38;5;2mgreen\u001b[39m')).toEqual([
    { text: 'red', style: 'lobu-ansi-bold lobu-ansi-red' },
    { text: ' plain', style: '' },
    { text: 'green', style: 'lobu-ansi-green' }
  ]);
  expect(plain('\u001b[31mred\u001b[0m')).toBe('red');
});

test('diffs: unified text is read, two texts are compared by lines', () => {
  expect(
    unified('--- a\n+++ b\n@@ -1,2 +1,2 @@\n-x\n+y\n z\n', plainTrans).map(l => l.kind)
  ).toEqual(['head', 'head', 'removed', 'added', 'same']);
  expect(compare('a\nb\nc', 'a\nB\nc\nd').map(l => l.kind[0] + l.text)).toEqual([
    'sa',
    'rb',
    'aB',
    'sc',
    'ad'
  ]);
});

test('arguments are read while they still stream', () => {
  expect(member('{"code": "print(\\"a\\\\n\\")\\nx', 'code')).toBe('print("a\\n")\nx');
  expect(member('{"code": "caf\\u00e9 \\u00', 'code')).toBe('café ');
  expect(member('{"path": "a"', 'code')).toBeNull();
  expect(member('{"code": "done"}', 'code')).toBe('done');
});
