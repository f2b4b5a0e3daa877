import { ITrans } from '../src/core/host';
import { PanelModel } from '../src/panel/model/panel';
import { ThreadList } from '../src/panel/model/list';
import { Memory } from '../src/panel/model/memory';
import { mountPanel } from '../src/panel/view/root';
import { IWorkbench } from '../src/panel/workbench';
import { finished, said, started, stateOf, waitingFor } from './events';
import { FakeServer, reply, settled } from './fakes';

/** A language in which every text is in brackets, and what is put into it is not. */
const pseudo: ITrans = {
  __: (text, ...args) => `⟦${text.replace(/%(\d)/g, (_, n: string) => `⟧${args[Number(n) - 1]}⟦`)}⟧`
};
/** What is no text of ours: names, titles, times and keys. */
const DATA =
  /^(The title|Old thread|n\.ipynb|notebook|pandas|df\.dropna\(\)|run_code|demo|claude( \( \))?|a|e|r|\d.*|[^\p{L}]*)$/u;

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

/** All that a person reads or hears that is not in brackets. */
function untranslated(root: HTMLElement): string[] {
  const found: string[] = [];
  const check = (text: string | null): void => {
    const outside = (text ?? '').replace(/⟦[^⟧]*⟧/g, ' ');
    found.push(
      ...outside
        .split(/\s+·\s+|\s{2,}|\n/)
        .map(one => one.trim())
        .filter(one => !DATA.test(one))
    );
  };
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const within = walker.currentNode.parentElement;
    if (
      !within?.closest(
        '.lobu-message, .lobu-code, .lobu-part-name, .lobu-card-name, .lobu-decide-message, .lobu-decide-expiry'
      )
    ) {
      check(walker.currentNode.textContent);
    }
  }
  for (const element of root.querySelectorAll('[aria-label], [title], [placeholder]')) {
    for (const name of ['aria-label', 'title', 'placeholder']) {
      check(element.getAttribute(name));
    }
  }
  return [...new Set(found)].filter(Boolean);
}

test('every text of the panel goes through the translator', async () => {
  const server = new FakeServer();
  server.page.host = { trans: pseudo };
  const events = [started('r1', 'hello'), ...said('m1', 'An answer'), finished()];
  const state = { ...stateOf(...events, started('r2', 'more'), ...waitingFor('df.dropna()')) };
  const thread = { threadId: 't', title: 'The title', status: 'waiting', cursor: state.cursor };
  const old = {
    threadId: 'o',
    title: 'Old thread',
    status: 'idle',
    cursor: 3,
    notebookPath: 'n.ipynb'
  };
  const waiting = state.interrupts.map(one => ({ ...one, threadId: 't' }));
  server.answers.set('GET threads?limit=200', reply(200, { threads: [thread, old] }));
  server.answers.set('GET interrupts', reply(200, { interrupts: waiting }));
  server.answers.set('GET threads/t/snapshot', reply(200, state));
  server.answers.set('GET runs?threadId=t&status=queued', reply(200, { runs: [] }));
  const agents = [{ name: 'demo' }, { name: 'claude', state: 'not installed' }];
  server.answers.set('GET agents', reply(200, { agents }));
  const memory = new Memory(window.localStorage, 'pseudo');
  const list = new ThreadList(server.page, memory, server.clock);
  const model = new PanelModel(server.page, list, memory, desk);
  const root = document.body.appendChild(document.createElement('div'));
  const end = mountPanel(root, model);
  const look = async (): Promise<string[]> => {
    for (let i = 0; i < 5; i++) {
      await settled();
      await new Promise(requestAnimationFrame);
    }
    return untranslated(root);
  };

  await list.refresh();
  const fresh = await look();
  model.open('t');
  await look();
  server.channel.open();
  const shown = await look();
  model.show('threads');
  const threads = await look();
  model.show('inbox');
  const inbox = await look();
  end();

  expect([...fresh, ...shown, ...threads, ...inbox]).toEqual([]);
  expect(root.textContent).toBe('');
});
