import { NotebookPanel } from '@jupyterlab/notebook';
import { Contents, Kernel } from '@jupyterlab/services';
import { Signal } from '@lumino/signaling';
import { plainTrans } from '../src/core/host';
import { Mentions } from '../src/panel/lab/mentions';
import { settled } from './fakes';

const ROWS = `'[["sales", "list", "3"]]'`;

/** A kernel that is busy until it is set free, and then knows `sales`. */
class FakeKernel {
  readonly id = 'k';
  status: Kernel.Status = 'busy';
  readonly statusChanged = new Signal<this, Kernel.Status>(this);

  become(status: Kernel.Status): void {
    this.status = status;
    this.statusChanged.emit(status);
  }

  requestExecute(content: { user_expressions: { [index: string]: string } }): object {
    const answers = Object.entries(content.user_expressions).map(([index, asked]) => {
      const text = asked === 'sales' ? '[1, 2, 3]' : asked.startsWith('__import__') ? ROWS : null;
      return [index, text === null ? { status: 'error' } : { data: { 'text/plain': text } }];
    });
    const reply = { content: { user_expressions: Object.fromEntries(answers) as object } };
    return { done: Promise.resolve(reply), dispose: () => undefined };
  }
}

function cellOf(source: string, outputs: object[]): object {
  const sharedModel = { getSource: () => source, getOutputs: () => outputs };
  return { model: { type: 'code', sharedModel } };
}

function rig(): { kernel: FakeKernel; mentions: Mentions; cells: object[] } {
  const cells: object[] = [];
  const kernel = new FakeKernel();
  const panel = { sessionContext: { session: { kernel } }, content: { widgets: cells } };
  const mentions = new Mentions(
    () => panel as unknown as NotebookPanel,
    {} as Contents.IManager,
    () => plainTrans
  );
  return { kernel, mentions, cells };
}

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

test('a variable that is mentioned while the list of variables is asked for is sent all the same', async () => {
  const { kernel, mentions } = rig();

  const meant = mentions.resolve('variable:sales');
  await settled();
  kernel.become('idle');

  expect(await meant).toEqual({ description: 'The variable sales (list 3)', value: '[1, 2, 3]' });
});

test('of a variable that the kernel has no time for, or does not have, that is sent', async () => {
  const { kernel, mentions } = rig();

  const meant = mentions.resolve('variable:sales');
  jest.advanceTimersByTime(2000);
  expect(await meant).toEqual({
    description: 'The variable sales',
    value: '(it cannot be read: the kernel is busy)'
  });

  kernel.become('idle');
  expect(await mentions.resolve('variable:gone')).toEqual({
    description: 'The variable gone',
    value: '(it cannot be read in the kernel)'
  });
});

test('a variable needs no prefix, and a word that is none is left alone', async () => {
  const { kernel, mentions } = rig();
  kernel.become('idle');

  expect(
    (await Promise.all(mentions.suggest('sal').slice(0, 2))).flat().map(one => one.text)
  ).toContain('@sales');
  expect(await mentions.resolve('sales')).toEqual({
    description: 'The variable sales (list 3)',
    value: '[1, 2, 3]'
  });
  expect(await mentions.resolve('somebody')).toBeNull();
});

test('ideas are about what is in the notebook: its last error, its variables', async () => {
  const { kernel, mentions, cells } = rig();
  kernel.become('idle');
  expect(await mentions.ideas()).toEqual(['Explain @sales']);

  cells.push(
    cellOf('x = 1', []),
    cellOf('y = 0\n1 / y', [{ output_type: 'error', ename: 'ZeroDivisionError' }])
  );
  expect((await mentions.ideas())[0]).toBe('Fix the ZeroDivisionError in: 1 / y');
});
