/** A question whose kernel is another than before, or gone, says so and offers what helps. */
import { plainHost } from '../src/core/host';
import { codeThatSucceeded, rebuildDraft } from '../src/core/replay';
import { mount } from '../src/core/view/root';
import { IInterrupt, Item } from '../src/core/wire';
import { custom, stateOf, waitingFor } from './events';
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

interface IRig {
  server: FakeServer;
  element: HTMLElement;
  done: string[];
}

async function show(kernel: object | null, ...codes: string[]): Promise<IRig> {
  const server = new FakeServer();
  const done: string[] = [];
  server.page.host = {
    ...plainHost,
    kernels: {
      start: (element, path) => Promise.resolve(void done.push(`start ${element.tagName} ${path}`)),
      runAbove: () => Promise.resolve(void done.push('run above'))
    }
  };
  if (kernel !== null) {
    server.answers.set('GET threads/t/kernel', () => reply(200, kernel));
  }
  const element = document.body.appendChild(document.createElement('div'));
  server.answers.set('GET threads/t/snapshot', reply(200, stateOf(...waitingFor(...codes))));
  unmount = mount(element, { page: server.page, threadId: 't', runId: null, composer: 'always' });
  await drawn();
  server.channel.open();
  await drawn();
  return { server, element, done };
}

function lines(element: HTMLElement): string[] {
  return [...element.querySelectorAll('.lobu-warning')].map(one => one.textContent ?? '');
}

test('a new kernel: what is missing is named, and the cells above bring it back', async () => {
  const { server, element, done } = await show(
    { state: 'new', kernelId: 'k2', missing: ['sales', 'x'] },
    'sales + x'
  );
  expect(lines(element)).toEqual(['New kernel: sales and x are missing. Run cells above']);

  server.answers.set('GET threads/t/kernel', reply(200, { state: 'new', missing: [] }));
  element.querySelector<HTMLButtonElement>('.lobu-warning button')?.click();
  await drawn();

  expect(done).toEqual(['run above']);
  expect(lines(element)).toEqual(['New kernel. It has the variables this code needs. ']);
});

test('no kernel: it can be started, and what a refused decision says is looked up anew', async () => {
  const { server, element, done } = await show({ state: 'same', kernelId: 'k1' }, 'x = 1');
  expect(lines(element)).toEqual([]);

  server.answers.set('GET threads/t/kernel', reply(200, { state: 'none', kernelId: null }));
  server.answers.set(
    'POST threads/t/resume',
    reply(409, { error: { code: 'kernel_missing', message: 'The kernel is gone.' } })
  );
  element.querySelector<HTMLButtonElement>('.lobu-primary')?.click();
  await drawn();
  expect(lines(element)).toEqual(['No kernel is running for this notebook. Start kernel']);
  element.querySelector<HTMLButtonElement>('.lobu-warning button')?.click();
  await drawn();

  expect(done).toEqual(['start P undefined']);
  expect(server.callsTo('threads/t/kernel')).toHaveLength(3);
});

test('of several questions the first has the line; it is asked again after each restart', async () => {
  const many = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
  const { server, element } = await show({ state: 'new', missing: many }, 'a', 'b');

  expect(lines(element)).toEqual([
    'New kernel: a, b, c, d, e and 2 more are missing. Run cells above'
  ]);
  const before = server.callsTo('threads/t/kernel').length;
  const { cursor } = server.page.thread('t').state;
  server.channel.events('t', {
    seq: cursor + 1,
    event: custom('lobu.kernel', { message: 'The kernel was restarted.' }) as never
  });
  await drawn();
  expect(server.callsTo('threads/t/kernel')).toHaveLength(before + 1);
});

test('a server that does not know says what the journal says', async () => {
  const { server, element } = await show(null, 'x = 1');
  const { cursor } = server.page.thread('t').state;
  server.channel.events('t', {
    seq: cursor + 1,
    event: custom('lobu.kernel', { message: 'The kernel was restarted.' }) as never
  });
  await drawn();

  expect(lines(element)).toContain(
    'The kernel restarted. Variables this code needs may be missing. Run cells above'
  );
});

test('a kernel that does not say yet what it has is asked again, a few times', async () => {
  const { server, element } = await show({ state: 'new' }, 'x');
  const wait = async (times: number): Promise<void> => {
    for (let n = 0; n < times; n++) {
      await server.clock.advance(2000);
      await drawn();
    }
  };
  await wait(3);
  expect(lines(element)[0]).toMatch('New kernel. Variables this code needs may be missing.');
  server.answers.set('GET threads/t/kernel', () => reply(200, { state: 'new', missing: ['x'] }));
  await wait(3);
  expect(lines(element)[0]).toMatch('New kernel: x is missing.');
  server.answers.set('GET threads/t/kernel', () => reply(200, { state: 'new' }));
  server.page.thread('t').problem = 'anything, after which it is looked up anew';
  server.page.thread('t').changed();
  await wait(20);

  expect(server.callsTo('threads/t/kernel').length).toBeLessThan(15); // it gives up on a busy one
});

test('Rebuild puts the code that ran in this chat above the code that waits, to be seen and approved', () => {
  const tool = (code: string, more: object): Item =>
    ({ kind: 'tool', name: 'run_code', args: JSON.stringify({ code }), ok: true, ...more }) as Item;
  const asked = (code: string, ...decisions: string[]): IInterrupt =>
    ({ metadata: { lobu: { args: { code, note: 1 }, decisions } } }) as unknown as IInterrupt;
  const all = '# %% [1 of 3]\na = 1\n\n# %% [2 of 3]\nb = a\n\n# %% [3 of 3]\nc = b';
  const ran = [tool('a = 1', {}), tool('1 / 0', { ok: false }), tool('b = a\n', {})];

  expect(rebuildDraft(asked('c = b', 'approve', 'edit'), ran)).toMatchObject({
    kind: 'edit',
    code: all,
    rest: '{\n  "note": 1\n}'
  });
  // what ran so stands for all before it
  const edited = { decision: { decision: { kind: 'edit', editedArgs: { code: all } } } };
  expect(codeThatSucceeded([...ran, tool('c = b', edited), tool('d = c', {})])).toEqual([
    'a = 1',
    'b = a',
    'c = b',
    'd = c'
  ]);
  expect(rebuildDraft(asked('c = b', 'approve'), ran)).toBeNull();
  expect(rebuildDraft(asked('c = b', 'edit'), [])).toBeNull();
  expect(rebuildDraft(asked('c = b', 'edit'), [tool('%%time\na = 1', {})])).toBeNull();
});
