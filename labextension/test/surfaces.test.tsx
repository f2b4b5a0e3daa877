/** The inbox and a widget without a server of its own: each sends the digest of what it drew, and shows the true question. */
import { digestOf } from '../src/core/digest';
import { mount } from '../src/core/view/root';
import { IInterrupt, IResumeEntry, IState } from '../src/core/wire';
import { ThreadList } from '../src/panel/model/list';
import { Memory } from '../src/panel/model/memory';
import { PanelModel } from '../src/panel/model/panel';
import { mountPanel } from '../src/panel/view/root';
import { IWorkbench } from '../src/panel/workbench';
import { commPage, ICommModel } from '../src/widget/comm';
import { stateOf, waitingFor } from './events';
import { FakeServer, reply, settled } from './fakes';

const SHOWN = stateOf(...waitingFor('harmless()'));
const TRUE = stateOf(...waitingFor('shutil.rmtree("/")'));
const [ASKED] = TRUE.interrupts;
const CHANGED = {
  error: { code: 'question_changed', message: 'It is another question.', interrupts: [ASKED] }
};

let unmount = (): void => undefined;

beforeEach(() => {
  window.requestAnimationFrame = draw => Number(setTimeout(() => draw(0), 0));
  window.cancelAnimationFrame = frame => clearTimeout(frame);
  window.localStorage.clear();
});

afterEach(() => {
  unmount();
  document.body.replaceChildren();
});

async function drawn(): Promise<void> {
  for (let i = 0; i < 6; i++) {
    await new Promise(done => setTimeout(done, 0));
    await settled();
  }
}

async function approve(): Promise<void> {
  const buttons = [...document.querySelectorAll<HTMLButtonElement>('.lobu-decide button')];
  buttons.find(one => /^Approve/.test(one.textContent ?? ''))?.click();
  await drawn();
}

/** The digests that were sent, and what is on the page now. */
function checked(bodies: unknown[]): void {
  const digests = bodies.map(body => (body as { resume: IResumeEntry[] }).resume[0].digest);
  expect(digests).toEqual([digestOf(SHOWN.interrupts[0]), digestOf(ASKED)]);
}

function shows(): string {
  return document.body.textContent ?? '';
}

test('the inbox', async () => {
  const server = new FakeServer();
  const waiting = SHOWN.interrupts.map(one => ({ ...one, threadId: 't' }));
  const row = {
    threadId: 't',
    title: 'T',
    status: 'waiting',
    cursor: 5,
    updatedAt: '',
    createdAt: ''
  };
  server.answers.set('GET threads/t/snapshot', reply(200, SHOWN));
  server.answers.set('GET threads?limit=200', reply(200, { threads: [row] }));
  server.answers.set('GET interrupts', reply(200, { interrupts: waiting }));
  server.answers.set('GET agents', reply(200, { agents: [] }));
  server.answers.set('POST threads/t/resume', reply(409, CHANGED));
  const memory = new Memory(window.localStorage, '/');
  const desk: IWorkbench = {
    notebook: () => null,
    onNotebook: () => () => undefined,
    open: () => undefined,
    menu: () => undefined,
    suggest: () => [],
    ideas: () => Promise.resolve([]),
    resolve: () => Promise.resolve(null),
    insert: () => true,
    dropped: () => Promise.resolve([])
  };
  const list = new ThreadList(server.page, memory, server.clock);
  const model = new PanelModel(server.page, list, memory, desk);
  unmount = mountPanel(document.body.appendChild(document.createElement('div')), model);
  model.show('inbox');
  await drawn();
  server.channel?.open();
  await drawn();
  expect(shows()).toMatch('harmless()');

  server.answers.set('GET threads/t/snapshot', reply(200, TRUE));
  await approve();

  expect(shows()).toMatch('shutil.rmtree');
  expect(shows()).not.toMatch('harmless()');
  await approve();
  checked(server.callsTo('threads/t/resume').map(call => call.body));
});

/** The kernel's end of a comm. */
class Kernel implements ICommModel {
  readonly bodies: unknown[] = [];
  snapshot: IState = SHOWN;
  private _page: ((message: unknown) => void) | null = null;

  get(): unknown {
    return undefined;
  }

  on(_name: string, callback: (message: unknown) => void): void {
    this._page = callback;
  }

  off(): void {
    this._page = null;
  }

  send(content: unknown): void {
    const { type, id, method, path, body } = content as { [name: string]: unknown };
    if (type === 'open') {
      queueMicrotask(() => this._page?.({ type: 'opened' }));
    } else if (type === 'call') {
      const answer = this._answer(`${String(method)} ${String(path)}`, body);
      queueMicrotask(() => this._page?.({ type: 'reply', id, ...answer }));
    }
  }

  private _answer(call: string, body: unknown): { status: number; body: unknown } {
    if (call === 'GET threads/t/snapshot') {
      return reply(200, this.snapshot);
    }
    if (call === 'POST threads/t/resume') {
      this.bodies.push(body);
      this.snapshot = TRUE;
      return reply(409, CHANGED);
    }
    return reply(404, { error: { code: 'not_found', message: 'There is none.' } });
  }
}

test('a widget, through the comm of its kernel', async () => {
  const kernel = new Kernel();
  const element = document.body.appendChild(document.createElement('div'));
  unmount = mount(element, {
    page: commPage(kernel, 0),
    threadId: 't',
    runId: null,
    composer: 'waiting'
  });
  await drawn();
  expect(shows()).toMatch('harmless()');

  await approve();

  expect(shows()).toMatch('shutil.rmtree');
  expect(shows()).not.toMatch('harmless()');
  await approve();
  checked(kernel.bodies);
});

test('the questions differ in what they run, so that the tests above can fail', () => {
  const code = (one: IInterrupt): unknown => one.metadata?.lobu?.args;
  expect(code(SHOWN.interrupts[0])).not.toEqual(code(ASKED));
});
