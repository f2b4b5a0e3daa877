/** Open tabs follow what an agent wrote, and never lose what a person typed. */
import { followFiles, IOpenFile, refresh } from '../src/panel/lab/followed';

const THEN = '2026-01-01T00:00:00Z';
const NOW = '2026-01-01T00:01:00Z';

interface ITab {
  context: IOpenFile;
  reverts: number;
}

function tab(changes: Partial<Omit<IOpenFile, 'model'>> & Partial<IOpenFile['model']> = {}): ITab {
  const { dirty = false, collaborative = false, ...rest } = changes;
  const made: ITab = {
    reverts: 0,
    context: {
      path: 'a.py',
      isReady: true,
      isDisposed: false,
      contentsModel: { last_modified: THEN },
      model: { dirty, collaborative },
      revert: () => Promise.resolve(void made.reverts++),
      ...rest
    }
  };
  return made;
}

const files = (time: string) => ({ get: () => Promise.resolve({ last_modified: time }) }) as never;

test('a tab is read again when its file is newer', async () => {
  const [one, other] = [tab(), tab()];

  await refresh([one, { context: one.context }, other, {}, { context: {} }], files(NOW));
  await refresh([tab()], files(THEN));

  expect([one.reverts, other.reverts]).toEqual([1, 1]);
});

test.each([
  ['unsaved changes', { dirty: true }],
  ['live collaboration', { collaborative: true }],
  ['no file yet', { contentsModel: null }],
  ['a tab that is not ready', { isReady: false }],
  ['a closed tab', { isDisposed: true }]
])('%s: it is left as it is', async (_, state) => {
  const left = tab(state);

  await refresh([left], files(NOW));

  expect(left.reverts).toBe(0);
});

test('what is typed while the file is looked at is kept', async () => {
  const typed = tab();
  const contents = {
    get: () => {
      (typed.context.model as { dirty: boolean }).dirty = true;
      return Promise.resolve({ last_modified: NOW });
    }
  } as never;

  await refresh([typed], contents);

  expect(typed.reverts).toBe(0);
});

test('a file that is gone costs the others nothing', async () => {
  const [gone, there] = [tab({ path: 'gone' }), tab()];
  const contents = {
    get: (path: string) =>
      path === 'gone' ? Promise.reject(new Error('404')) : Promise.resolve({ last_modified: NOW })
  } as never;

  await refresh([gone, there], contents);

  expect([gone.reverts, there.reverts]).toEqual([0, 1]);
});

test('several changes at once are looked at once', async () => {
  jest.useFakeTimers();
  let asked = 0;
  let change = (): void => undefined;
  const contents = { get: () => Promise.resolve({ last_modified: THEN, asked: asked++ }) } as never;
  followFiles(
    () => [tab()],
    contents,
    listener => (change = listener)
  );

  change();
  change();
  window.dispatchEvent(new Event('focus'));
  await jest.advanceTimersByTimeAsync(1000);

  expect(asked).toBe(1);
  jest.useRealTimers();
});
