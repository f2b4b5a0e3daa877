/** A key or a click approves what the person has seen, and nothing that came in its way. */
import { Page } from '../src/core/page';
import { cardIn, Controls } from '../src/core/view/controls';
import { IRootProps, mount } from '../src/core/view/root';
import { IResumeEntry, IState, JsonObject } from '../src/core/wire';
import { isByHand } from '../src/core/hand';
import { asking, called, decided, finished, started, stateOf, waitingFor } from './events';
import { FakeChannel, FakeServer, journal, reply, settled } from './fakes';

let unmount = (): void => undefined;
/** Lines that are out of sight: each element that this says yes to. */
let hidden: (element: Element) => boolean;
let watchers: FakeObserver[] = [];
let scrolled: jest.Mock;
let cellName: (id: string) => string | null;

class FakeObserver {
  constructor(private readonly _tell: (entries: object[]) => void) {
    watchers.push(this);
  }
  readonly targets = new Set<Element>();
  observe(target: Element): void {
    this.targets.add(target);
    this.look(target);
  }
  disconnect(): void {
    this.targets.clear();
  }
  look(target: Element): void {
    const isIntersecting = !hidden(target);
    setTimeout(() => this._tell([{ target, isIntersecting }]), 0);
  }
}

beforeEach(() => {
  hidden = () => false;
  watchers = [];
  cellName = () => null;
  window.requestAnimationFrame = draw => Number(setTimeout(() => draw(0), 0));
  window.cancelAnimationFrame = frame => clearTimeout(frame);
  Object.assign(globalThis, { IntersectionObserver: FakeObserver });
  scrolled = jest.fn();
  Element.prototype.scrollIntoView = scrolled;
});

afterEach(() => {
  unmount();
  document.body.replaceChildren();
  Reflect.deleteProperty(globalThis, 'IntersectionObserver');
});

async function drawn(): Promise<void> {
  for (let i = 0; i < 6; i++) {
    await new Promise(done => setTimeout(done, 0));
    await settled();
  }
}

/** A server whose page waits half a second before a new question takes a decision, as in the product. */
function patient(): FakeServer {
  const server = new FakeServer();
  const { clock } = server;
  const page = new Page({
    clock,
    connect: () => {
      const channel = new FakeChannel();
      server.channels.push(channel);
      return channel;
    },
    carry: server.carry
  });
  Object.assign(server, { page });
  server.answers.set(
    'POST threads/t/resume',
    reply(202, { runId: 'r2', threadId: 't', cursor: 99 })
  );
  return server;
}

async function show(state: IState, more: Partial<IRootProps> = {}) {
  const server = patient();
  const element = document.body.appendChild(document.createElement('div'));
  server.page.host = { ...server.page.host, cellName };
  server.answers.set('GET threads/t/snapshot', reply(200, state));
  unmount = mount(element, {
    page: server.page,
    threadId: 't',
    runId: null,
    composer: 'always',
    ...more
  });
  await drawn();
  server.channel.open();
  await drawn();
  const tell = async (...events: object[]): Promise<void> => {
    const { cursor } = server.page.thread('t').state;
    server.channel.events('t', ...journal(cursor + 1, ...events));
    await drawn();
  };
  const pass = async (ms: number): Promise<void> => {
    await server.clock.advance(ms);
    await drawn();
  };
  return { element, server, tell, pass };
}

function button(name: string): HTMLButtonElement {
  const found = [...document.querySelectorAll('button')].filter(one => one.textContent === name);
  if (found.length === 0) {
    throw new Error(`no button ${name} in ${document.body.textContent ?? ''}`);
  }
  return found[0];
}

async function click(name: string): Promise<void> {
  button(name).click();
  await drawn();
}

async function press(key: string, more: KeyboardEventInit = {}): Promise<void> {
  const target = document.querySelector('.lobu-decide');
  target?.dispatchEvent(
    new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true, ...more })
  );
  await drawn();
}

/** What the command does that Ctrl+Enter means. */
async function chord(element: HTMLElement): Promise<Controls | undefined> {
  const card = cardIn(element);
  card?.approveFromAfar();
  await drawn();
  return card;
}

function sent(server: FakeServer): JsonObject[][] {
  return server
    .callsTo('threads/t/resume')
    .map(call => (call.body as { resume: IResumeEntry[] }).resume.map(one => one.payload ?? {}));
}

const YES = { approved: true };
const LONG = Array.from({ length: 40 }, (_, n) => `step_${n}()`).join('\n');

test.each(['click', 'a', 'Enter', 'chord'])(
  'a card that appears under the finger is not approved for half a second: %s',
  async how => {
    const { element, server, pass } = await show(stateOf(...waitingFor('one()')));
    const approve = async (): Promise<unknown> =>
      how === 'click' ? click('Approve') : how === 'chord' ? chord(element) : press(how);

    await approve();
    await pass(450);
    await approve();
    expect(sent(server)).toEqual([]);
    await pass(100);
    await approve();

    expect(sent(server)).toEqual([[YES]]);
  }
);

test.each(['Approve', 'Approve all', 'a', 'Enter', 'menu', 'Reject and send'])(
  'a click or key that a script of the page has made decides nothing: %s',
  async how => {
    const codes = how === 'Approve all' ? ['one()', 'two()'] : ['one()'];
    const { server, pass } = await show(stateOf(...waitingFor(...codes)));
    await pass(600);
    const act = async (): Promise<void> => {
      if (how === 'menu') {
        await click('…');
        await click('Always allow simple code in this chat');
      } else {
        await (how.length > 1 && how !== 'Enter' ? click(how) : press(how));
      }
    };
    if (how === 'Reject and send') {
      await click('Reject');
    }

    jest.mocked(isByHand).mockReturnValue(false);
    await act().catch(() => undefined); // its menu does not even open
    expect(sent(server)).toEqual([]);

    jest.mocked(isByHand).mockReturnValue(true);
    await act();
    expect(sent(server)).toHaveLength(1);
  }
);

test('by hand is what the browser says of an event', () => {
  const real = jest.requireActual<typeof import('../src/core/hand')>('../src/core/hand');

  expect(real.isByHand(undefined)).toBe(false);
  expect(real.isByHand(new MouseEvent('click'))).toBe(false);
  expect(real.isByHand({ isTrusted: true } as Event)).toBe(true);
});

test('after a decision the next card takes none for half a second, and no repeated key', async () => {
  const { element, server, pass } = await show(stateOf(...waitingFor('one()', 'two()')));
  await pass(500);

  await press('a');
  await chord(element);
  await pass(600);
  await press('a', { repeat: true });
  expect(server.page.thread('t').drafts.size).toBe(1);
  expect(sent(server)).toEqual([]);
  await chord(element);

  expect(server.page.thread('t').drafts.size).toBe(2);
});

test('a question that changes under the finger counts as new', async () => {
  const { element, server, pass } = await show(stateOf(...waitingFor('one()')));
  await pass(600);
  const { state } = server.page.thread('t');
  state.interrupts = state.interrupts.map(one => ({ ...one, message: 'Delete it all?' }));
  server.page.thread('t').changed();
  await drawn();

  await chord(element);
  await press('a');

  expect(sent(server)).toEqual([]);
});

test('Ctrl+Enter from afar approves nothing that was cut or not scrolled to, and shows it instead', async () => {
  hidden = part =>
    part.closest('.lobu-folded') !== null && !part.matches('.lobu-line:nth-child(-n + 12)');
  const { element, server, pass } = await show(stateOf(...waitingFor(LONG)));
  await pass(600);
  expect(element.querySelector('.lobu-folded')).not.toBeNull();

  await chord(element);
  expect(sent(server)).toEqual([]);
  expect(element.querySelector('.lobu-folded')).toBeNull();
  expect(document.activeElement?.className).toBe('lobu-decide');
  expect(scrolled).toHaveBeenCalled();

  watchers.forEach(one => one.targets.forEach(part => one.look(part)));
  await drawn();
  await chord(element);
  expect(sent(server)).toEqual([[YES]]);
});

test('without a way to know what is in sight, a key from afar approves nothing', async () => {
  Reflect.deleteProperty(globalThis, 'IntersectionObserver');
  const { element, server, pass } = await show(stateOf(...waitingFor('one()')));
  await pass(600);

  await chord(element);
  await chord(element);

  expect(sent(server)).toEqual([]);
});

test('Approve all is one click, and carries what was shown', async () => {
  const { server, pass } = await show(stateOf(...waitingFor('one()', 'two()', 'three()')));
  await pass(600);
  expect(document.body.textContent).toMatch('3 actions need approval');

  await click('Approve all');

  expect(sent(server)).toEqual([[YES, YES, YES]]);
});

test('Approve all approves none while one of them was not in sight', async () => {
  const last = (part: Element): boolean => part.textContent === 'three()\n';
  hidden = last;
  const { server, pass } = await show(stateOf(...waitingFor('one()', 'two()', 'three()')));
  await pass(600);

  await click('Approve all');
  expect(server.page.thread('t').drafts.size).toBe(0);
  expect(document.body.textContent).toMatch('Scroll through all of them first.');

  hidden = () => false;
  watchers.forEach(one => one.targets.forEach(part => one.look(part)));
  await drawn();
  await click('Approve all');
  expect(sent(server)).toEqual([[YES, YES, YES]]);
});

test('Approve all leaves what cannot be approved plainly, and sends nothing yet', async () => {
  const { server, pass } = await show(
    stateOf(
      started('r1', 'go'),
      ...called('c1', 'run_code', { code: 'x' }),
      ...called('c2', 'sh', {}),
      asking(
        { id: 'i1', toolCallId: 'c1', lobu: { toolName: 'run_code', args: { code: 'x' } } },
        { id: 'i2', toolCallId: 'c2', lobu: { toolName: 'sh', unshown: 'It is too long.' } }
      )
    )
  );
  await pass(600);

  await click('Approve all');

  expect([...server.page.thread('t').drafts.keys()]).toEqual(['i1']);
  expect(sent(server)).toEqual([]);
});

test('after a decision the focus is on the next card, then on what sends them, then where one writes', async () => {
  const { element, pass } = await show(stateOf(...waitingFor('one()', 'two()')));
  await pass(600);
  const cards = [...element.querySelectorAll<HTMLElement>('.lobu-decide')];

  await click('Approve');
  expect(document.activeElement).toBe(cards[1]);
  await pass(600);
  await chord(element);
  expect(document.activeElement?.textContent).toBe('Submit');
  await click('Submit');

  expect(document.activeElement?.tagName).toBe('TEXTAREA');
});

test('one button is filled; the rest is in a menu that arrows walk and Escape closes', async () => {
  const { element, pass } = await show(stateOf(...waitingFor('one()')));
  await pass(600);
  const card = element.querySelector('.lobu-decide');
  expect([...(card?.querySelectorAll('.lobu-primary') ?? [])].map(b => b.textContent)).toEqual([
    'Approve'
  ]);

  await click('…');
  const items = [...document.querySelectorAll<HTMLElement>('[role=menuitem]')];
  expect(items.map(one => one.textContent)).toEqual([
    'Edit',
    'Always allow this exact call in this chat',
    'Always allow simple code in this chat',
    'Always allow simple code in this notebook'
  ]);
  expect(document.activeElement).toBe(items[0]);
  const key = (name: string): void => {
    const event = new KeyboardEvent('keydown', { key: name, bubbles: true, cancelable: true });
    document.activeElement?.dispatchEvent(event);
  };
  key('ArrowDown');
  expect(document.activeElement).toBe(items[1]);
  key('Escape');
  await drawn();
  expect(document.querySelector('[role=menu]')).toBeNull();
  expect(document.activeElement).toBe(button('…'));
});

test('titles are sentences, with the tool in the tooltip; an unknown tool is named', async () => {
  cellName = id => (id === 'abc' ? 'cell [2]' : null);
  const { element } = await show(
    stateOf(
      started('r1', 'go'),
      ...called('c1', 'list_variables', {}),
      { type: 'TOOL_CALL_RESULT', toolCallId: 'c1', content: '[]' },
      ...called('c2', 'run_cell', { cell: 'abc' }),
      { type: 'TOOL_CALL_RESULT', toolCallId: 'c2', content: 'ok' },
      ...called('c3', 'shop__order', {}),
      { type: 'TOOL_CALL_RESULT', toolCallId: 'c3', content: 'ok' }
    )
  );
  const heads = [...element.querySelectorAll('.lobu-card-head')];

  expect(heads.map(one => one.getAttribute('title'))).toEqual([
    'list_variables',
    'run_cell',
    'shop__order'
  ]);
  expect(heads.map(one => one.querySelector('.lobu-card-name')?.textContent)).toEqual([
    'Looked at variables',
    'Ran cell [2]',
    'Called shop__order'
  ]);
});

test('a question says what its tool does, whatever its message claims', async () => {
  const lobu = { toolName: 'delete_cell', args: { cell: 'x' } };
  const { element } = await show(
    stateOf(
      started('r1', 'go'),
      ...called('c1', 'delete_cell', { cell: 'x' }),
      asking({ id: 'i1', toolCallId: 'c1', message: 'Look at variables?', lobu })
    )
  );

  expect(element.querySelector('.lobu-card-name')?.textContent).toBe('Delete a cell?');
  expect(element.querySelector('.lobu-decide-message')?.textContent).toBe('Look at variables?');
});

test('a rejected call is grey and crossed, and is no failure', async () => {
  const { element } = await show(
    stateOf(
      ...waitingFor('one()'),
      started('r2', undefined, 'r1'),
      decided('i1', 'c1', 'reject'),
      {
        type: 'TOOL_CALL_RESULT',
        toolCallId: 'c1',
        content: 'The person refused this call.',
        metadata: { lobu: { ok: false } }
      },
      finished()
    )
  );

  const card = element.querySelector('.lobu-card');
  expect(card?.className).toBe('lobu-card lobu-is-rejected');
  expect(card?.querySelector('.lobu-card-name')?.textContent).toBe('Run code');
  expect(card?.querySelector('.lobu-card-standing')?.textContent).toBe('Rejected');
});

test('a time counts from the decision, and nothing below a second is shown', async () => {
  const at = Date.parse('2027-01-15T08:00:00.000Z');
  const state = (ms: number): IState => {
    const [run, start, ...rest] = waitingFor('one()');
    return stateOf(
      run,
      { ...start, timestamp: at - 3_600_000 },
      ...rest,
      started('r2', undefined, 'r1'),
      decided('i1', 'c1', 'approve'),
      { type: 'TOOL_CALL_RESULT', toolCallId: 'c1', content: 'ok', timestamp: at + ms },
      finished()
    );
  };
  const one = await show(state(2900));
  expect(one.element.querySelector('.lobu-card-standing')?.textContent).toBe('2.9 s');
  unmount();
  const two = await show(state(900));
  expect(two.element.querySelector('.lobu-card-standing')?.textContent).toBe('');
});

test('the time of a running card runs, and stops while the page is disconnected', async () => {
  jest.useFakeTimers({ doNotFake: ['setTimeout', 'requestAnimationFrame'] });
  const [start, ...rest] = called('c1', 'run_code', { code: 'x' });
  const { element, server } = await show(
    stateOf(started('r1', 'go'), { ...start, timestamp: Date.now() - 5000 }, ...rest)
  );
  const time = (): string => element.querySelector('.lobu-card-standing')?.textContent ?? '';
  expect(time()).toBe('running · 5.0 s');
  jest.advanceTimersByTime(2000);
  await drawn();
  expect(time()).toBe('running · 7.0 s');

  server.channel.drop();
  await drawn();
  const stopped = time();
  jest.advanceTimersByTime(60_000);
  await drawn();
  expect(time()).toBe(stopped);
  jest.useRealTimers();
});

function steps(count: number): object[] {
  return Array.from({ length: count }, (_, n) => [
    ...called(`s${n}`, 'run_code', { code: `step_${n}()` }).map((event, i) =>
      i === 0 ? { ...event, timestamp: 1000 } : event
    ),
    { type: 'TOOL_CALL_RESULT', toolCallId: `s${n}`, content: `out ${n}`, timestamp: 1100 }
  ]).flat();
}

test('30 calls in a row are one line with their time, the last one open', async () => {
  const { element } = await show(stateOf(started('r1', 'go'), ...steps(30), finished()));

  expect(element.querySelector('.lobu-steps')?.textContent).toBe('Ran 30 steps · 3.0 s');
  const cards = [...element.querySelectorAll('.lobu-card')];
  expect(cards).toHaveLength(1);
  expect(cards[0].textContent).toMatch('step_29()');
  expect(cards[0].textContent).toMatch('out 29');

  element.querySelector<HTMLElement>('.lobu-steps')?.click();
  await drawn();
  expect(element.querySelectorAll('.lobu-card')).toHaveLength(30);
});

test('a card that asks, and a figure, are in no row', async () => {
  const figure = {
    type: 'CUSTOM',
    name: 'lobu.output',
    value: {
      toolCallId: 's2',
      index: 0,
      output: { output_type: 'display_data', data: { 'image/png': 'iVBORw0KGgo=' } }
    }
  };
  const { element } = await show(
    stateOf(
      started('r1', 'go'),
      ...steps(5),
      figure,
      ...called('c9', 'run_code', { code: 'danger()' }),
      asking({
        id: 'i1',
        toolCallId: 'c9',
        lobu: { toolName: 'run_code', args: { code: 'danger()' } }
      })
    )
  );

  expect(element.querySelector('.lobu-steps')).toBeNull();
  expect(element.querySelector('img')).not.toBeNull();
  expect(element.querySelector('.lobu-is-waiting')?.textContent).toMatch('danger()');
});

test('a long prompt is clamped, and shown whole on request', async () => {
  const text = Array.from({ length: 30 }, (_, n) => `line ${n}`).join('\n');
  const { element } = await show(stateOf(started('r1', text), finished()));

  expect(element.querySelector('.lobu-clamped')?.textContent).toBe(text);
  await click('Show more');
  expect(element.querySelector('.lobu-clamped')).toBeNull();
  expect(element.querySelector('.lobu-user')?.textContent).toBe(`${text}Show less`);
});
