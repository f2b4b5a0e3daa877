/** What a text, a saved output or a journal may hold: no view is left blank, and none freezes. */
import { Fold } from '../src/core/fold';
import { sliceOf } from '../src/core/run';
import { asHtml, asText } from '../src/core/saved';
import { readState } from '../src/core/savedcopy';
import { blockHtml, blocks } from '../src/core/text/markdown';
import { sanitize } from '../src/core/text/sanitize';
import { plain, spans } from '../src/core/text/terminal';
import { IState } from '../src/core/wire';

/** Processor time, which other programs do not add to; a tenth of it in a browser. */
const MOMENT_MS = 6000;

function html(markdown: string): string {
  return blocks(markdown).map(blockHtml).join('');
}

function timed<T>(work: () => T): T {
  const began = process.cpuUsage();
  const found = work();
  expect(process.cpuUsage(began).user / 1000).toBeLessThan(MOMENT_MS);
  return found;
}

const HEAVY: { [name: string]: string } = {
  quotes: '>'.repeat(3000) + ' x',
  'spaced quotes': '> '.repeat(3000) + 'x',
  lists: '- '.repeat(3000) + 'x',
  stars: '* '.repeat(3000) + 'x',
  numbers: '1. '.repeat(3000) + 'x',
  'quotes and lists': '> - '.repeat(3000) + 'x',
  'a growing list': Array.from({ length: 1500 }, (_, i) => ' '.repeat(2 * i) + '- x').join('\n'),
  'growing quotes': Array.from({ length: 1500 }, (_, i) => '>'.repeat(i) + ' x').join('\n'),
  'display math': '$$'.repeat(9000),
  dollars: '$x '.repeat(9000),
  'open brackets of math': '\\[ '.repeat(9000),
  'open parentheses of math': '\\( '.repeat(50_000),
  'math in lines': '$$\n'.repeat(9001),
  brackets: '['.repeat(9000),
  'brackets and back': '['.repeat(9000) + ']'.repeat(9000),
  links: '[a]('.repeat(90_000),
  images: '!['.repeat(90_000),
  emphasis: '*a_ '.repeat(90_000),
  underlines: '_a'.repeat(90_000),
  ticks: '`a '.repeat(90_000),
  tildes: '~a '.repeat(90_000),
  angles: '<a '.repeat(90_000),
  mail: 'a.'.repeat(90_000) + '@',
  entities: '&'.repeat(90_000),
  fences: '```\n'.repeat(9001)
};

test.each(Object.keys(HEAVY))('markdown stays readable and is drawn in a moment: %s', name => {
  const found = timed(() => html(HEAVY[name]));

  expect(found.length).toBeGreaterThan(0);
});

test('a text that nests too deep is shown as it is, inert', () => {
  const found = html('>'.repeat(3000) + ' <img src=x onerror=alert(1)>');

  expect(found).toContain('&gt;'.repeat(100));
  expect(found).not.toContain('<img');
});

test('what people write is markdown as before', () => {
  const drawn = html('> a\n> > b\n\n- x\n  - y\n    - z\n\n$x^2$ and [a](https://example.org)');

  expect(drawn).toContain('<blockquote>');
  expect(drawn.match(/<li>/g)).toHaveLength(3);
  expect(drawn).toContain('class="lobu-math"');
  expect(drawn).toContain('<a href="https://example.org"');
});

test.each(['lobu-card lobu-is-waiting', 'lobu-button lobu-primary', 'jp-Dialog', 'hljs', 'x'])(
  'foreign HTML cannot pose as ours: class %s',
  name => {
    const found = sanitize(
      `<div class="${name}" id="x" style="position:fixed;inset:0;z-index:9"><b class="${name}">Approve</b></div>`
    );

    expect(found).not.toMatch(/class|id=|position|inset|z-index/);
    expect(found).toContain('Approve');
    expect(html(`<div class="${name}">x</div>`)).not.toMatch(/<div class/);
  }
);

test.each([
  '\u001b['.repeat(200_000),
  '\u001b[1;'.repeat(100_000),
  '\u001b[' + '1;'.repeat(500_000) + 'm'
])('a terminal takes what it is given in a moment', text => {
  timed(() => plain(text + 'x'));
  timed(() => spans(text + 'x'));
});

const VALUES: unknown[] = [undefined, null, 5, 'x', true, [], [5], {}, { a: 1 }, [[]], [null]];
const ITEMS = VALUES.flatMap(value => [
  value,
  ...['message', 'reasoning', 'tool', 'step', 'subagent', 'error', 'activity', 'notice'].map(
    kind => ({
      kind,
      id: value,
      runId: 'r',
      role: 'assistant',
      content: value,
      name: value,
      args: value,
      outputs: value,
      decision: value,
      code: value,
      message: value,
      value
    })
  ),
  {
    kind: 'tool',
    id: 'c',
    runId: 'r',
    name: 'n',
    args: '{',
    status: 'done',
    outputs: [value, { output_type: 'error', traceback: value, data: value }],
    decision: value
  },
  { kind: 'raw', event: value },
  { kind: value }
]);

test('a saved state of any form can be read', () => {
  const saved = readState({
    items: ITEMS,
    runs: VALUES,
    interrupts: VALUES,
    usage: [],
    cursor: 'x'
  });

  expect(saved).not.toBeNull();
  const slice = sliceOf(saved as IState, 'r', ['x']);
  expect(slice.items.length).toBeGreaterThan(10);
  expect(asText(saved as IState)).toContain('n');
  expect(asHtml(saved as IState)).toContain('<div>');
});

test.each(VALUES)('what is no saved state is none, or an empty one: %j', value => {
  const saved = readState(value);

  expect(saved?.items ?? []).toEqual([]);
});

test.each(VALUES)(
  'an event of another form than its type says leaves the fold whole: %j',
  value => {
    const folding = new Fold();
    folding.apply(1, { type: 'RUN_STARTED', runId: 'r', threadId: 't' });
    folding.apply(2, { type: 'TOOL_CALL_START', toolCallId: 'c', toolCallName: 't' });
    let seq = 3;
    for (const type of Object.keys(EVENTS)) {
      for (const member of [...EVENTS[type], 'none']) {
        folding.apply(seq++, { type, [member]: value as never });
      }
    }
    for (const name of [
      'lobu.title',
      'lobu.output',
      'lobu.note',
      'lobu.decision',
      'lobu.closed',
      'x'
    ]) {
      folding.apply(seq++, { type: 'CUSTOM', name, value: value as never });
      const parts = { toolCallId: 'c', index: value, output: value, decision: value } as never;
      folding.apply(seq++, { type: 'CUSTOM', name, value: parts });
    }
    folding.apply(seq, { type: 'RUN_FINISHED', runId: 'r' });

    expect(folding.state.cursor).toBe(seq);
    expect(() =>
      asText(readState(JSON.parse(JSON.stringify(folding.state))) as IState)
    ).not.toThrow();
  }
);

const EVENTS: { [type: string]: string[] } = {
  TEXT_MESSAGE_START: ['messageId', 'role'],
  TEXT_MESSAGE_CONTENT: ['messageId', 'delta'],
  TOOL_CALL_START: ['toolCallId', 'toolCallName'],
  TOOL_CALL_ARGS: ['toolCallId', 'delta'],
  TOOL_CALL_RESULT: ['toolCallId', 'content', 'metadata'],
  STEP_STARTED: ['stepName'],
  SUBAGENT_STARTED: ['subagentRunId', 'name'],
  SUBAGENT_FINISHED: ['subagentRunId', 'outcome'],
  ACTIVITY_SNAPSHOT: ['messageId', 'content'],
  STATE_SNAPSHOT: ['snapshot'],
  CUSTOM: ['name', 'value'],
  NOBODY_KNOWS: ['x']
};
