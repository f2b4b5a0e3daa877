import { NotebookPanel } from '@jupyterlab/notebook';
import { Contents, Kernel } from '@jupyterlab/services';
import { Signal } from '@lumino/signaling';
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

function rig(): { kernel: FakeKernel; mentions: Mentions } {
  const kernel = new FakeKernel();
  const panel = { sessionContext: { session: { kernel } }, content: {} };
  const mentions = new Mentions(
    () => panel as unknown as NotebookPanel,
    {} as Contents.IManager,
    () => ({ __: text => text })
  );
  return { kernel, mentions };
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
