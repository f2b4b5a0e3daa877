import { ThreadList } from '../src/panel/model/list';
import { Memory } from '../src/panel/model/memory';
import { IModels, IProvider } from '../src/panel/model/models';
import { PanelModel } from '../src/panel/model/panel';
import { mountPanel } from '../src/panel/view/root';
import { IWorkbench } from '../src/panel/workbench';
import { empty } from '../src/core/fold';
import { IAgent } from '../src/core/wire';
import { FakeServer, reply, settled } from './fakes';

const DESK: IWorkbench = {
  notebook: () => null,
  onNotebook: () => () => undefined,
  open: () => undefined,
  menu: () => undefined,
  suggest: () => [],
  resolve: () => Promise.resolve(null),
  ideas: () => Promise.resolve([]),
  insert: () => false,
  dropped: () => Promise.resolve([])
};
const DEMO: IAgent[] = [
  { name: 'assistant', state: 'ready' },
  { name: 'demo', state: 'ready', default: true },
  { name: 'codex', state: 'not installed', hint: 'npm install codex' }
];
const LOCAL: IProvider = {
  name: 'local',
  label: 'local',
  kind: 'openai',
  state: 'ready',
  hint: '',
  source: 'saved',
  keySet: true,
  keyIn: 'file',
  baseUrl: 'http://h/v1',
  models: ['local:plain', 'local:thinks'],
  takes: {
    'local:plain': { temperature: 1, maxTokens: 100 },
    'local:thinks': { effort: ['low', 'high'] }
  }
};
const ANTHROPIC: IProvider = {
  ...LOCAL,
  name: 'anthropic',
  label: 'Anthropic',
  kind: 'anthropic',
  state: 'no key',
  hint: 'Add a key for Anthropic.',
  source: null,
  keySet: false,
  keyIn: null,
  baseUrl: null,
  models: [],
  takes: {}
};

function models(more: Partial<IModels> = {}): IModels {
  return { providers: [LOCAL, ANTHROPIC], default: null, mayConfigure: true, problem: '', ...more };
}

async function drawn(): Promise<void> {
  for (let i = 0; i < 12; i++) {
    await new Promise(done => setTimeout(done, 0));
    await settled();
  }
}

let unmount = (): void => undefined;
let root: HTMLElement;

beforeEach(() => {
  window.requestAnimationFrame = draw => Number(setTimeout(() => draw(0), 0));
  window.cancelAnimationFrame = frame => clearTimeout(frame);
});

afterEach(() => {
  unmount();
  document.body.replaceChildren();
  window.localStorage.clear();
});

async function open(known: IModels | null, agents = DEMO) {
  const server = new FakeServer();
  server.answers.set('GET threads?limit=200', reply(200, { threads: [] }));
  server.answers.set('GET interrupts', reply(200, { interrupts: [] }));
  server.answers.set('GET agents', reply(200, { agents }));
  server.answers.set('GET models', known ? reply(200, known) : reply(404, {}));
  const memory = new Memory(window.localStorage, 'here');
  const list = new ThreadList(server.page, memory, server.clock);
  const model = new PanelModel(server.page, list, memory, DESK);
  root = document.body.appendChild(document.createElement('div'));
  unmount = mountPanel(root, model);
  await drawn();
  return { server, model };
}

function find<T extends HTMLElement>(selector: string, text = /./): T {
  const found = [...root.querySelectorAll<T>(selector)].filter(one =>
    text.test(`${one.textContent} ${one.getAttribute('aria-label') ?? ''}`)
  );
  if (found.length !== 1) {
    throw new Error(`${found.length} of ${selector} ${String(text)} in ${root.innerHTML}`);
  }
  return found[0];
}

async function click(selector: string, text?: RegExp): Promise<void> {
  find(selector, text).click();
  await drawn();
}

function field(label: RegExp): HTMLInputElement {
  return find('label', label).querySelector<HTMLInputElement>('input, select')!;
}

async function fill(label: RegExp, value: string): Promise<void> {
  const input = field(label);
  input.value = value;
  input.dispatchEvent(new Event('input', { bubbles: true }));
  input.dispatchEvent(new Event('change', { bubbles: true }));
  await drawn();
}

function chip(): string {
  return find('.lobu-model-chip').textContent ?? '';
}

test('the chip names what answers by itself: the demo, a model, another agent', async () => {
  await open(models());
  expect(chip()).toBe('Auto (Demo)');
  unmount();
  root.remove();

  const usual = [{ name: 'assistant', state: 'ready', default: true, model: 'local:plain' }];
  await open(models({ default: 'local:plain' }), usual);
  expect(chip()).toBe('plain');
  unmount();
  root.remove();

  await open(null, [{ name: 'script', default: true }]);
  expect(chip()).toBe('Auto (script)');
});

test('a model and its settings are chosen for the next message, and go with another choice', async () => {
  const { server, model } = await open(models());
  server.answers.set(
    'POST threads',
    reply(201, { threadId: 't', title: '', status: 'idle', cursor: 0 })
  );
  server.answers.set('GET threads/t/snapshot', reply(200, empty()));
  server.answers.set('POST threads/t/runs', reply(202, { runId: 'r1', threadId: 't', cursor: 0 }));

  await click('.lobu-model-chip');
  await click('.lobu-model-choice', /plain/);
  await fill(/Temperature/, '0.5');
  await fill(/Max tokens/, '64');
  expect(chip()).toBe('plain');
  model.message = 'hello';
  await model.send();

  expect(server.callsTo('threads/t/runs')[0].body).toMatchObject({
    model: 'local:plain',
    modelSettings: { temperature: 0.5, maxTokens: 64 }
  });

  await click('.lobu-model-choice', /thinks/);
  expect(root.textContent).toMatch('Effort');
  expect(root.textContent).not.toMatch('Temperature');
  expect(model.choice).toMatchObject({ model: 'local:thinks', settings: {} });
  await click('.lobu-model-choice', /codex/);
  expect(model.choice).toMatchObject({ agent: 'codex', model: '', settings: {} });
  expect(root.querySelector('.lobu-agent-hint')?.textContent).toBe('npm install codex');
});

test('the menu closes by Escape and outside, and leaves the keyboard at the chip', async () => {
  const { model } = await open(models());
  await click('.lobu-model-chip');
  find('.lobu-model-menu').dispatchEvent(
    new KeyboardEvent('keydown', { key: 'Escape', bubbles: true })
  );
  await drawn();
  expect(model.models.open).toBe(false);
  expect(document.activeElement).toBe(find('.lobu-model-chip'));

  await click('.lobu-model-chip');
  document.body.dispatchEvent(new Event('pointerdown', { bubbles: true }));
  await drawn();
  expect(model.models.open).toBe(false);
});

test('who may not add models is offered none, and no form', async () => {
  await open(models({ mayConfigure: false, providers: [ANTHROPIC] }));
  await click('.lobu-model-chip');

  expect(root.querySelectorAll('.lobu-model-add, form[aria-label="Model provider"]')).toHaveLength(
    0
  );
  expect(root.textContent).not.toMatch('Add a key');
});

test('without a model the form stands beside the demo, is tried, and saved; the key leaves the page', async () => {
  const { server, model } = await open(models({ providers: [ANTHROPIC] }));
  expect(root.textContent).toMatch('Try the demo');
  const tested = { ok: true, code: 'ok', message: 'Connected.', models: ['m1', 'm2'] };
  server.answers.set('POST models/providers/anthropic/test', reply(200, tested));
  server.answers.set(
    'PUT models/providers/anthropic',
    reply(200, models({ default: 'local:plain' }))
  );

  await fill(/API key/, 'sk-1234567890');
  await click('button', /Test connection/);
  expect(find('.lobu-model-outcome').textContent).toBe('Connected.');
  await fill(/^Model/, 'm2');
  find('form[aria-label="Model provider"]').dispatchEvent(
    new Event('submit', { bubbles: true, cancelable: true })
  );
  await drawn();

  const [test] = server.callsTo('models/providers/anthropic/test');
  expect(test.body).toEqual({ key: 'sk-1234567890' });
  const [put] = server.callsTo('models/providers/anthropic');
  expect(put.body).toEqual({ key: 'sk-1234567890', model: 'm2', models: ['m1', 'm2'] });
  expect(root.textContent).not.toMatch('Try the demo');
  expect(root.innerHTML + JSON.stringify({ ...window.localStorage })).not.toMatch('sk-1234567890');
  expect(model.choice).toMatchObject({ agent: '', model: '' });
});

test('what the server refuses stands at its field', async () => {
  const { server } = await open(models({ providers: [ANTHROPIC] }));
  const error = { code: 'invalid', message: 'must begin with http', field: 'baseUrl' };
  server.answers.set('PUT models/providers/anthropic', reply(422, { error }));

  await fill(/Base URL/, 'ftp://x');
  find('form[aria-label="Model provider"]').dispatchEvent(
    new Event('submit', { bubbles: true, cancelable: true })
  );
  await drawn();

  expect(field(/Base URL/).getAttribute('aria-invalid')).toBe('true');
  expect(root.querySelector('[role=alert]')?.textContent).toBe('baseUrl must begin with http');
});

test('the demo can be tried instead, and the form does not come back', async () => {
  const { model } = await open(models({ providers: [ANTHROPIC] }));

  await click('button', /Try the demo/);

  expect(root.textContent).not.toMatch('Add a model');
  expect(model.memory.get('demo', false)).toBe(true);
});

test('an unusable name of a model is shown with escapes', async () => {
  const evil = { ...LOCAL, models: ['local:a\u202eb'], takes: {} };
  await open(models({ providers: [evil] }));
  await click('.lobu-model-chip');

  expect(find('.lobu-model-menu').textContent).toMatch('a\\u202eb');
});
