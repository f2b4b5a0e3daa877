/** One output stays one output, whoever writes it at once in a document that pages share. */
import { YCodeCell, YNotebook } from '@jupyter/ydoc';
import * as Y from 'yjs';
import { setShared } from '../src/mime/sharing';
import { ICellOutput, OUTPUT_MIME } from '../src/core/wire';

const was = {
  version: 1,
  threadId: 't',
  runId: 'r',
  prompt: 'p',
  cursor: ''
} as unknown as ICellOutput;
const bundle = (text: string) => ({
  [OUTPUT_MIME]: { ...was, snapshot: text },
  'text/plain': text
});
const output = (text: string) => ({
  output_type: 'display_data' as const,
  metadata: {},
  data: bundle(text)
});

function twoPages(): [YNotebook, YNotebook] {
  const pages: [YNotebook, YNotebook] = [new YNotebook(), new YNotebook()];
  const other = { output_type: 'stream', name: 'stdout', text: 'before' };
  pages[0].addCell({ cell_type: 'code', source: '', outputs: [other, output('waits')] });
  together(pages);
  return pages;
}

/** Both pages get what the other one did meanwhile. */
function together([one, other]: [YNotebook, YNotebook]): void {
  Y.applyUpdate(other.ydoc, Y.encodeStateAsUpdate(one.ydoc));
  Y.applyUpdate(one.ydoc, Y.encodeStateAsUpdate(other.ydoc));
}

const cellOf = (page: YNotebook) => page.getCell(0) as YCodeCell;
const outputsOf = (page: YNotebook) => cellOf(page).getOutputs();
const textOf = (page: YNotebook) =>
  (outputsOf(page)[1] as ReturnType<typeof output>).data['text/plain'];

test('two pages that write one output at once leave it once, and the same in both', () => {
  const pages = twoPages();

  setShared(cellOf(pages[0]), was, bundle('one'));
  setShared(cellOf(pages[1]), was, bundle('other'));
  together(pages);

  expect(outputsOf(pages[0])).toHaveLength(2);
  expect(outputsOf(pages[0])).toEqual(outputsOf(pages[1]));
  expect(['one', 'other']).toContain(textOf(pages[0]));
});

test('a page that writes while the page of the kernel replaces the output leaves the new one', () => {
  const pages = twoPages();

  cellOf(pages[0]).updateOutputs(1, 2, [output('the kernel')]);
  setShared(cellOf(pages[1]), was, bundle('a page'));
  together(pages);

  for (const page of pages) {
    expect(outputsOf(page)).toHaveLength(2);
    expect(textOf(page)).toBe('the kernel');
  }
});

test('an output that is gone, or of another run, is not written', () => {
  const [page] = twoPages();

  setShared(cellOf(page), { ...was, runId: 'another' }, bundle('new'));
  const before = textOf(page);
  cellOf(page).setOutputs([]);
  setShared(cellOf(page), was, bundle('new'));

  expect(before).toBe('waits');
  expect(outputsOf(page)).toEqual([]);
});
