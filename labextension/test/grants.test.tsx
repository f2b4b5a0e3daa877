/** What runs without asking is seen and taken back where the person works: docs/threat-model.md. */
import { Page } from '../src/core/page';
import { IRootProps, mount } from '../src/core/view/root';
import { PanelModel } from '../src/panel/model/panel';
import { ThreadList } from '../src/panel/model/list';
import { Memory } from '../src/panel/model/memory';
import { wordsOf } from '../src/core/view/grants';
import { mountPanel } from '../src/panel/view/root';
import { IWorkbench } from '../src/panel/workbench';
import { plainHost } from '../src/core/host';
import { IGrant, IState } from '../src/core/wire';
import { called, custom, finished, said, started, stateOf } from './events';
import { FakeServer, journal, reply, settled } from './fakes';
import WORDS from '../../tests/vectors/grants/words.json';

const POLICY = 'GET policy?threadId=t';
const DONE = stateOf(started('r1', 'go'), ...said('m1', 'Done.'), finished());

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

function grant(grantId: string, more: object = {}): object {
  const created = { createdAt: '2026-11-30T10:00:00Z', expiresAt: null };
  return { grantId, tool: 'run_code', scope: 'thread', covers: 'simple', ...created, ...more };
}

/** The server lists these grants for the thread from now on. */
function lists(server: FakeServer, ...grants: object[]): void {
  server.answers.set(POLICY, reply(200, { layers: [], grants, maxMode: 'allow' }));
}

async function show(
  server: FakeServer,
  more: Partial<IRootProps> = {},
  state: IState = DONE
): Promise<HTMLElement> {
  const element = document.body.appendChild(document.createElement('div'));
  server.answers.set('GET threads/t/snapshot', reply(200, state));
  unmount = mount(element, {
    page: server.page,
    threadId: 't',
    runId: 'r1',
    composer: 'waiting',
    ...more
  });
  await drawn();
  server.channel?.open();
  await drawn();
  return element;
}

function chip(): string | undefined {
  return document.querySelector('.lobu-approvals-chip > button')?.textContent ?? undefined;
}

function named(label: string): HTMLButtonElement | null {
  return document.querySelector<HTMLButtonElement>(`.lobu-approvals [aria-label="${label}"]`);
}

async function click(button: HTMLElement | null | undefined): Promise<void> {
  expect(button).toBeTruthy();
  button?.click();
  await drawn();
}

test('no chip where nothing is granted', async () => {
  const server = new FakeServer();
  lists(server);
  await show(server);

  expect(document.querySelector('.lobu-approvals')).toBeNull();
});

test('one approval has its Undo beside it, and goes with it', async () => {
  const server = new FakeServer();
  lists(server, grant('g1'));
  server.answers.set('DELETE policy/grants/g1', reply(204, null));
  await show(server);
  expect(chip()).toBe('1 approval active');

  const undo = named('Undo: simple code in this chat');
  undo?.focus();
  await click(undo);

  expect(server.callsTo('policy/grants/g1').map(call => call.method)).toEqual(['DELETE']);
  expect(chip()).toBeUndefined();
  expect(document.querySelector('.lobu-approvals [role="status"]')?.textContent).toBe(
    'No longer approved: simple code in this chat'
  );
  expect(document.activeElement?.className).toBe('lobu-approvals'); // the focus is not lost
});

test('an Undo that does not arrive says so, and the chip stays', async () => {
  const server = new FakeServer();
  lists(server, grant('g1'));
  const error = { code: 'not_allowed', message: 'No cell of yours runs.' };
  server.answers.set('DELETE policy/grants/g1', reply(403, { error }));
  await show(server);

  await click(named('Undo: simple code in this chat'));

  expect(chip()).toBe('1 approval active');
  expect(document.querySelector('.lobu-approvals [role="alert"]')?.textContent).toBe(
    'Still approved: No cell of yours runs.'
  );
  expect(named('Undo: simple code in this chat')?.getAttribute('aria-disabled')).toBe('false');

  lists(server);
  server.channel.say({ type: 'changed' });
  await drawn();
  expect(document.querySelector('.lobu-approvals')?.textContent).toBe('');
});

test('an approval that had ended already goes as well', async () => {
  const server = new FakeServer();
  lists(server, grant('g1'));
  await show(server); // the server knows no such grant: 404

  await click(named('Undo: simple code in this chat'));

  expect(chip()).toBeUndefined();
  expect(document.querySelector('.lobu-approvals [role="alert"]')).toBeNull();
});

test('several approvals are a list that says what each covers', async () => {
  const server = new FakeServer();
  const until = { expiresAt: '2026-12-24T10:00:00Z' };
  lists(
    server,
    grant('g1', { covers: 'call', digest: 'd' }),
    grant('g2'),
    grant('g3', { scope: 'notebook', ...until }),
    grant('g4', { covers: 'all' }),
    grant('g5', { covers: 'all', scope: 'notebook', tool: 'read[*]\u202e' })
  );
  server.answers.set('DELETE policy/grants/g2', reply(204, null));
  await show(server);
  const opener = document.querySelector<HTMLElement>('.lobu-approvals-chip > button');
  expect(chip()).toBe('5 approvals active');
  expect(document.querySelectorAll('.lobu-approvals-chip button')).toHaveLength(1);

  await click(opener);

  const rows = [...document.querySelectorAll('.lobu-approvals-list > li > span')];
  expect(rows.map(row => row.firstChild?.textContent)).toEqual([
    'this exact run_code call in this chat',
    'simple code in this chat',
    'simple code in this notebook',
    'every run_code call in this chat',
    'every read*\\u202e call in this notebook'
  ]);
  const local = (iso: string): string => new Date(iso).toLocaleString();
  expect(rows.slice(1, 3).map(row => row.querySelector('small')?.textContent)).toEqual([
    `since ${local('2026-11-30T10:00:00Z')}, until you revoke it`,
    `since ${local('2026-11-30T10:00:00Z')}, until ${local(until.expiresAt)}`
  ]);
  expect(opener?.getAttribute('aria-expanded')).toBe('true');

  named('Revoke: simple code in this chat')?.focus();
  await click(named('Revoke: simple code in this chat'));
  expect(document.activeElement).toBe(opener);
  expect(chip()).toBe('4 approvals active');
  expect(server.calls.filter(call => call.method === 'DELETE').map(call => call.path)).toEqual([
    'policy/grants/g2'
  ]);

  document
    .querySelector('.lobu-approvals-list button')
    ?.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape', bubbles: true }));
  await drawn();
  expect(document.querySelector('.lobu-approvals-list')).toBeNull();
});

test('a decision with a grant is seen as soon as it is journaled', async () => {
  const server = new FakeServer();
  lists(server);
  await show(server);
  lists(server, grant('g1'));
  const decision = { interruptId: 'i1', kind: 'approve' };
  const before = server.callsTo('policy?threadId=t').length;
  const tell = async (more: object): Promise<void> => {
    const { cursor } = server.page.thread('t').state;
    const value = { toolCallId: 'c1', decision: { ...decision, ...more } };
    server.channel.events('t', ...journal(cursor + 1, custom('lobu.decision', value)));
    await drawn();
  };

  await tell({});
  expect(server.callsTo('policy?threadId=t')).toHaveLength(before);
  await tell({ grant: 'thread' });

  expect(chip()).toBe('1 approval active');
});

test('a change elsewhere is seen when the server tells of it', async () => {
  const server = new FakeServer();
  lists(server, grant('g1'));
  await show(server);
  lists(server);

  server.channel.say({ type: 'changed' });
  await drawn();

  expect(chip()).toBeUndefined();
});

test('a reading that began before an Undo does not bring the approval back', async () => {
  const server = new FakeServer();
  lists(server, grant('g1'));
  server.answers.set('DELETE policy/grants/g1', reply(204, null));
  await show(server);
  let answer = (): void => undefined;
  server.answers.set(
    POLICY,
    () => new Promise(done => (answer = () => done(reply(200, { grants: [grant('g1')] }))))
  );
  server.channel.say({ type: 'changed' });
  await drawn();

  await click(named('Undo: simple code in this chat'));
  answer();
  await drawn();

  expect(chip()).toBeUndefined();
});

test('a grant of the notebook goes from all of its threads that are shown', async () => {
  const server = new FakeServer();
  const { grants } = server.page;
  const ofNotebook = { grants: [grant('g1', { scope: 'notebook' })] };
  for (const threadId of ['t', 'u']) {
    server.answers.set(`GET policy?threadId=${threadId}`, reply(200, ofNotebook));
    await grants.read(threadId);
  }
  server.answers.set('DELETE policy/grants/g1', reply(204, null));

  await grants.revoke('t', 'g1');

  expect([grants.of('t'), grants.of('u')]).toEqual([[], []]);
});

test('offline and in a saved copy there is no chip', async () => {
  const server = new FakeServer();
  lists(server, grant('g1'));
  await show(server);
  expect(chip()).toBe('1 approval active');

  server.channel.drop();
  await drawn();
  expect(chip()).toBeUndefined();

  unmount();
  const other = new FakeServer();
  lists(other, grant('g1'));
  await show(other, { runId: 'r9', saved: stateOf(started('r9', 'x'), finished()) });
  const missing = document.querySelector('.lobu-saved-label');
  expect([missing === null, chip()]).toEqual([false, undefined]);
});

const desk: IWorkbench = {
  notebook: () => ({ path: 'n.ipynb', name: 'n.ipynb', kernelId: null }),
  onNotebook: () => () => undefined,
  open: () => undefined,
  menu: () => undefined,
  suggest: () => [],
  resolve: () => Promise.resolve(null),
  insert: () => true,
  ideas: () => Promise.resolve([]),
  dropped: () => Promise.resolve([])
};

function panelOf(page: Page, server: FakeServer): PanelModel {
  window.localStorage.clear();
  const memory = new Memory(window.localStorage, '/');
  return new PanelModel(page, new ThreadList(page, memory, server.clock), memory, desk);
}

test('the panel has the chip in its head, once', async () => {
  const server = new FakeServer();
  lists(server, grant('g1'));
  server.answers.set('GET threads/t/snapshot', reply(200, DONE));
  server.answers.set('GET threads?limit=200', reply(200, { threads: [] }));
  server.answers.set('GET interrupts', reply(200, { interrupts: [] }));
  server.answers.set('GET agents', reply(200, { agents: [] }));
  const model = panelOf(server.page, server);
  const element = document.body.appendChild(document.createElement('div'));
  unmount = mountPanel(element, model);
  model.open('t');
  await drawn();
  server.channel.open();
  await drawn();

  expect(document.querySelectorAll('.lobu-approvals-chip')).toHaveLength(1);
  expect(document.querySelector('.lobu-header + .lobu-approvals')).not.toBeNull();
});

test.each([
  ['call', 'this exact run_code call in this chat runs without asking'],
  ['thread', 'simple code in this chat runs without asking'],
  ['notebook', 'simple code in this notebook runs without asking'],
  ['thread_all', 'every run_code call in this chat runs without asking'],
  ['notebook_all', 'every run_code call in this notebook runs without asking'],
  ['constructor', 'constructor runs without asking']
])('a decided card says what a grant of %s gave away', async (named, words) => {
  const server = new FakeServer();
  lists(server);
  const decision = { interruptId: 'i1', kind: 'approve', grant: named };
  const state = stateOf(
    started('r1', 'go'),
    ...called('c1', 'run_code', { code: 'x = 1' }),
    custom('lobu.decision', { toolCallId: 'c1', decision, by: 'owner' }),
    finished()
  );
  const element = await show(server, {}, state);

  expect(element.querySelector('.lobu-decided')?.textContent).toBe(`Approved by you · ${words}`);
});

test.each(WORDS)('a grant says as the server does: $words', ({ words, ...covered }) => {
  const held = { ...grant('g'), ...covered } as IGrant;

  expect(wordsOf(held, plainHost.trans)).toBe(words);
});
