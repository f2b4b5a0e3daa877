import { Memory, IStorage } from '../src/panel/model/memory';
import { ThreadList, News } from '../src/panel/model/list';
import { PanelModel } from '../src/panel/model/panel';
import {
  completed,
  IContext,
  ISuggestion,
  matching,
  mentions,
  tokenAt
} from '../src/panel/model/completion';
import { IAttached, INotebook, IWorkbench, Place } from '../src/panel/workbench';
import { IThread } from '../src/core/wire';
import { empty } from '../src/core/fold';
import { FakeServer, reply, settled } from './fakes';

class Storage implements IStorage {
  readonly kept = new Map<string, string>();

  getItem(name: string): string | null {
    return this.kept.get(name) ?? null;
  }

  setItem(name: string, value: string): void {
    this.kept.set(name, value);
  }

  removeItem(name: string): void {
    this.kept.delete(name);
  }
}

class Desk implements IWorkbench {
  front: INotebook | null = null;
  private _listener: () => void = () => undefined;

  ideas(): Promise<string[]> {
    return Promise.resolve([]);
  }

  notebook(): INotebook | null {
    return this.front;
  }

  onNotebook(listener: () => void): () => void {
    this._listener = listener;
    return () => undefined;
  }

  show(path: string): void {
    this.front = { path, name: path, kernelId: `kernel of ${path}` };
    this._listener();
  }

  readonly inserted: [string, Place][] = [];

  open(): void {}
  menu(): void {}

  suggest(): Promise<ISuggestion[]>[] {
    return [Promise.resolve([{ text: '@cell' }, { text: '@variable:sales', detail: 'DataFrame' }])];
  }

  resolve(mention: string): Promise<IContext | null> {
    const known = mention === 'cell' ? { description: 'The active cell', value: 'x = 1' } : null;
    return Promise.resolve(known);
  }

  insert(code: string, place: Place): boolean {
    this.inserted.push([code, place]);
    return true;
  }

  dropped(): Promise<IAttached[]> {
    return Promise.resolve([]);
  }
}

function thread(threadId: string, more: Partial<IThread> = {}): IThread {
  return { threadId, title: threadId, status: 'idle', cursor: 5, ...more };
}

class Rig {
  readonly server = new FakeServer();
  readonly storage = new Storage();
  readonly memory = new Memory(this.storage, 'here');
  readonly desk = new Desk();
  readonly list = new ThreadList(this.server.page, this.memory, this.server.clock);
  readonly model = new PanelModel(this.server.page, this.list, this.memory, this.desk);

  async have(...threads: IThread[]): Promise<void> {
    this.server.answers.set('GET threads?limit=200', reply(200, { threads }));
    this.server.answers.set('GET interrupts', reply(200, { interrupts: [] }));
    await this.list.refresh();
  }
}

test('what was there when a browser first looks is read; what comes later is not, until it is seen', async () => {
  const rig = new Rig();
  const { list } = rig;
  const old = thread('old');
  await rig.have(old);

  expect(list.isUnread(old)).toBe(false);
  expect(list.isUnread(thread('new'))).toBe(true);
  expect(list.isUnread(thread('new', { status: 'running' }))).toBe(false);
  list.see('new', 5);
  expect(list.isUnread(thread('new'))).toBe(false);
  expect(list.isUnread(thread('new', { cursor: 6 }))).toBe(true);
});

test('the lists are read again when the server says that they have changed, one reading at a time', async () => {
  const rig = new Rig();
  await rig.have(thread('a'));
  rig.list.start();
  rig.server.channel.open();

  rig.server.channel.say({ type: 'changed' });
  rig.server.channel.say({ type: 'changed' });
  rig.server.channel.say({ type: 'changed' });
  await settled();

  expect(rig.server.channel.sent).toEqual([{ type: 'watch' }]);
  expect(rig.server.callsTo('threads?limit=200').length).toBe(3); // the first, one, and one again
});

test('news are told of a thread that came to wait or to rest, once', async () => {
  const rig = new Rig();
  const news: News[] = [];
  rig.list.onNews = one => news.push(one);
  await rig.have(thread('a', { status: 'running' }), thread('b'));
  await rig.have(thread('a', { status: 'waiting', cursor: 9 }), thread('b'));
  await rig.have(thread('a', { status: 'waiting', cursor: 9 }), thread('b'));

  expect(news.map(one => [one.thread.threadId, one.what])).toEqual([['a', 'waits']]);
});

test('a run that came and went between two looks is news, and a new title is none', async () => {
  const rig = new Rig();
  const news: News[] = [];
  rig.list.onNews = one => news.push(one);
  await rig.have(thread('a', { cursor: 4 }), thread('b', { cursor: 4 }));
  await rig.have(
    thread('a', { cursor: 8 }),
    thread('b', { cursor: 5 }),
    thread('c', { status: 'waiting', cursor: 3 })
  );

  expect(news.map(one => [one.thread.threadId, one.what])).toEqual([
    ['a', 'ended'],
    ['c', 'waits']
  ]);
});

test('a deleted thread can be had back for 30 s', async () => {
  const rig = new Rig();
  const one = thread('a');
  await rig.have(one);
  rig.server.answers.set('DELETE threads/a', reply(204, null));
  rig.server.answers.set('POST threads/a/restore', reply(200, one));

  await rig.list.remove(one);
  await rig.server.clock.advance(29_000);
  expect(rig.list.removed.map(removed => removed.thread)).toEqual([one]);
  await rig.list.restore(rig.list.removed[0]);
  expect(rig.list.removed).toEqual([]);

  await rig.list.remove(one);
  await rig.server.clock.advance(30_000);
  expect(rig.list.removed).toEqual([]);
});

test('the thread of the notebook in front opens: the one chosen there last, else the last touched', async () => {
  const rig = new Rig();
  const { model, desk } = rig;
  await rig.have(
    thread('a1', { notebookPath: 'a' }),
    thread('a2', { notebookPath: 'a' }),
    thread('b1', { notebookPath: 'b' })
  );

  desk.show('a');
  expect(model.threadId).toBe('a1');
  model.open('a2');
  desk.show('b');
  expect(model.threadId).toBe('b1');
  desk.show('a');
  expect(model.threadId).toBe('a2');
  desk.show('c');
  expect(model.threadId).toBe(null);
});

test('each thread keeps its draft, also over a reload, and so does the new one of each notebook', async () => {
  const rig = new Rig();
  await rig.have(thread('a'), thread('b'));
  rig.model.open('a');
  rig.model.message = 'of a';
  rig.model.open('b');
  expect(rig.model.message).toBe('');
  rig.desk.show('n.ipynb');
  rig.model.begin();
  rig.model.message = 'new in n';

  const again = new PanelModel(new FakeServer().page, rig.list, rig.memory, rig.desk);
  expect(again.message).toBe('new in n');
  again.open('a');
  expect(again.message).toBe('of a');
});

test('a new thread is made with its first message, about the notebook and its kernel', async () => {
  const rig = new Rig();
  const { model, server } = rig;
  await rig.have();
  rig.desk.show('n.ipynb');
  server.answers.set('POST threads', reply(201, thread('t')));
  server.answers.set('GET threads/t/snapshot', reply(200, empty()));
  server.answers.set('POST threads/t/runs', reply(202, { runId: 'r', threadId: 't', cursor: 0 }));
  model.message = 'plot it';

  await model.send();

  expect(server.callsTo('threads').map(call => call.body)).toEqual([
    { notebookPath: 'n.ipynb', kernelId: 'kernel of n.ipynb' }
  ]);
  expect(server.callsTo('threads/t/runs')[0].body).toMatchObject({ prompt: 'plot it' });
  expect([model.threadId, model.message, model.history]).toEqual(['t', '', ['plot it']]);
});

test('a thread that was made here gives way to another notebook once the list tells what it is about', async () => {
  const rig = new Rig();
  const { model, server, desk } = rig;
  await rig.have();
  desk.show('a');
  server.answers.set('POST threads', reply(201, thread('t')));
  server.answers.set('GET threads/t/snapshot', reply(200, empty()));
  server.answers.set('POST threads/t/runs', reply(202, { runId: 'r', threadId: 't', cursor: 0 }));
  model.message = 'plot it';
  await model.send();

  desk.show('b'); // before the list has the thread
  await rig.have(thread('t', { notebookPath: 'a' }));

  expect(model.threadId).toBe(null);
  desk.show('a');
  expect(model.threadId).toBe('t');
});

test('what the person opened stays when the list comes later', async () => {
  const rig = new Rig();
  rig.desk.show('a');

  rig.model.open('b1');
  await rig.have(thread('a1', { notebookPath: 'a' }), thread('b1', { notebookPath: 'b' }));

  expect(rig.model.threadId).toBe('b1');
});

test('a message that did not arrive stays, and why is said', async () => {
  const rig = new Rig();
  await rig.have();
  rig.server.answers.set('POST threads', reply(409, { error: { code: 'x', message: 'Not now.' } }));
  rig.model.message = 'plot it';

  await rig.model.send();

  expect([rig.model.message, rig.model.problem]).toEqual(['plot it', 'Not now.']);
});

test('storage that is full or unreadable is as good as empty', () => {
  const broken: IStorage = {
    getItem: () => '{',
    setItem: () => {
      throw new Error('full');
    },
    removeItem: () => undefined
  };
  const memory = new Memory(broken, 'here');

  memory.set('a', 1);

  expect(memory.get('a', 7)).toBe(7);
});

async function talk(): Promise<Rig> {
  const rig = new Rig();
  await rig.have(thread('t'));
  rig.server.answers.set('GET threads/t/snapshot', reply(200, empty()));
  rig.server.answers.set(
    'POST threads/t/runs',
    reply(202, { runId: 'r', threadId: 't', cursor: 0 })
  );
  rig.model.open('t');
  await rig.server.page.thread('t').load();
  return rig;
}

test('what a mention means is sent as context, as are the choices', async () => {
  const { model, server } = await talk();
  model.choose({ agent: 'demo' });
  model.choose({ mode: 'ask' });
  model.message = 'explain @cell and @unknown.';

  await model.send();

  expect(server.callsTo('threads/t/runs')[0].body).toMatchObject({
    prompt: 'explain @cell and @unknown.',
    context: [{ description: 'The active cell', value: 'x = 1' }],
    agent: 'demo',
    mode: 'ask'
  });
});

test('a picture goes with the message, and not with the next one', async () => {
  const { model, server } = await talk();
  model.attach([{ name: 'a.png', image: 'data:image/png;base64,AAAA' }]);
  model.message = 'what is this?';

  await model.send();

  expect(server.callsTo('threads/t/runs')[0].body).toMatchObject({
    messages: [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'what is this?' },
          { type: 'image', source: { type: 'data', value: 'AAAA', mimeType: 'image/png' } }
        ]
      }
    ]
  });
  expect(model.attached).toEqual([]);
});

test('a command is run and not sent; a path that looks like one is sent', async () => {
  const { model, server } = await talk();
  const ran: string[] = [];
  model.commands = [{ name: 'rename', detail: '', run: rest => ran.push(rest) }];
  model.message = '/rename New title';
  await model.send();
  model.message = '/etc/hosts says what?';
  await model.send();

  expect(ran).toEqual(['New title']);
  expect(server.callsTo('threads/t/runs')).toHaveLength(1);
});

test.each([
  ['/re', 3, { sign: '/', word: 're', from: 0 }],
  ['a /re', 5, null],
  ['see @var', 8, { sign: '@', word: 'var', from: 4 }],
  ['see @file:data/s', 16, { sign: '@', word: 'file:data/s', from: 4 }],
  ['me@home', 7, null],
  ['@a b', 4, null]
])('what is being typed in %p at %p', (text, caret, token) => {
  expect(tokenAt(text, caret)).toEqual(token);
});

test('suggestions hold what was typed, the best first, and take its place', () => {
  const all = ['@cell', '@variable:sales', '@file:also.csv'].map(text => ({ text }));

  const found = matching(all, 'sal');

  expect(found.map(one => one.text)).toEqual(['@variable:sales']);
  const token = { sign: '@' as const, word: 'sal', from: 5 };
  expect(completed('plot @sal now', token, found[0])).toEqual({
    text: 'plot @variable:sales now',
    caret: 21
  });
  expect(matching(all, 'al').map(one => one.text)).toEqual(['@file:also.csv', '@variable:sales']);
});

test('each mention of a text counts once, without the full stop behind it', () => {
  expect(mentions('@cell, (@file:a.csv) and @cell. me@home')).toEqual(['cell', 'file:a.csv']);
});

test('a command that there is not is refused with a word, and nothing is sent', async () => {
  const rig = new Rig();
  await rig.have();
  rig.model.message = '/nosuch thing';

  await rig.model.send();

  expect(rig.model.problem).toMatch('There is no command /nosuch');
  expect(rig.model.message).toBe('/nosuch thing');
  expect(rig.server.calls.filter(call => call.method === 'POST')).toEqual([]);
  for (const [agent, text] of [
    ['', '/home/me/data.csv is what?'],
    ['claude', '/mode']
  ]) {
    rig.model.choose({ agent });
    rig.model.message = text;
    await rig.model.send();
  }
  expect(rig.server.callsTo('threads')).toHaveLength(2); // these are messages
});

test('code is shown in cells where a notebook is in front, unless the person or the setting says otherwise', async () => {
  const rig = new Rig();
  rig.server.answers.set('POST threads', reply(201, thread('t1')));
  rig.server.answers.set('GET threads/t1/snapshot', reply(200, { ...empty(), threadId: 't1' }));
  rig.server.answers.set(
    'POST threads/t1/runs',
    reply(202, { runId: 'r', threadId: 't1', cursor: 0 })
  );
  const sent = async (): Promise<unknown> => {
    rig.model.message = 'plot it';
    await rig.model.send();
    return rig.server.callsTo('threads/t1/runs').pop()?.body;
  };
  rig.desk.front = { path: 'a.ipynb', name: 'a.ipynb', kernelId: 'k', cellId: 'c1' };

  expect(await sent()).toMatchObject({ workIn: 'cells', belowCell: 'c1' });
  rig.model.usualPlace = 'chat';
  expect(await sent()).not.toHaveProperty('workIn');
  rig.model.choose({ workIn: 'cells' });
  expect(await sent()).toHaveProperty('workIn', 'cells');
  rig.desk.front = null;
  expect(rig.model.workIn).toBe('chat');
  expect(await sent()).not.toHaveProperty('workIn');
});

test('what a message mentions is known by its name, and can be taken out again', () => {
  const { model } = new Rig();
  model.message = 'plot @sales and @file:a.csv, @cell @somebody';

  expect(model.mentioned.in(model.message)).toEqual(
    ['file:a.csv,', 'cell'].map(one => one.replace(',', ''))
  );
  model.mentioned.learn([{ text: '@sales' }, { text: '@sales2' }]);
  expect(model.mentioned.in(model.message)).toEqual(['sales', 'file:a.csv', 'cell']);
  model.unmention('sales');
  model.unmention('cell');
  expect(model.message).toBe('plot and @file:a.csv, @somebody');
});
