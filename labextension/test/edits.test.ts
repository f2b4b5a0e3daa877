/** An agent at an open notebook: parts of bounded size, cells by names that tell them apart, locks that hold. */
import { YNotebook } from '@jupyter/ydoc';
import { change, read } from '../src/panel/lab/edits';
import { JsonObject } from '../src/core/wire';

// yjs warns of each cell that @jupyter/ydoc fills before it belongs to a document
beforeAll(() => void jest.spyOn(console, 'warn').mockImplementation(() => undefined));

type Model = Parameters<typeof read>[0];

function notebook(...cells: { id: string; source: string; metadata?: JsonObject }[]): Model {
  const shared = YNotebook.create();
  shared.deleteCellRange(0, shared.cells.length);
  shared.insertCells(
    0,
    cells.map(cell => ({ cell_type: 'code', metadata: {}, outputs: [], ...cell }) as never)
  );
  return { sharedModel: shared } as unknown as Model;
}

const sources = (model: Model): string[] => model.sharedModel.cells.map(cell => cell.getSource());
const cellsOf = (answer: JsonObject): JsonObject[] => answer.cells as JsonObject[];

test('cells with one id are named by their places, and the right one is deleted', () => {
  const model = notebook(
    { id: 'a', source: 'x' },
    { id: 'a', source: 'x' },
    { id: 'b', source: 'y' }
  );
  model.sharedModel.cells[1].setMetadata('second', true);

  expect(cellsOf(read(model, { do: 'read' })).map(cell => cell.id)).toEqual(['#1', '#2', 'b']);
  expect(change(model, { do: 'delete', cell: '#2', was: 'x' })).toEqual({
    done: true,
    back: { lost: 'the cell has no id of its own' }
  });
  expect(sources(model)).toEqual(['x', 'y']);
  expect(model.sharedModel.cells[0].getMetadata('second')).toBeUndefined();
});

test('the cells of a message follow each other, below the place that was asked for', () => {
  const model = notebook({ id: 'a', source: 'x' }, { id: 'b', source: 'y' });
  const insert = (cell: string, messageId: string, after?: string): void => {
    const made = { threadId: 't', runId: 'r', toolCallId: cell, messageId };
    const wish = { do: 'insert', cell, source: cell, made, ...(after ? { after } : {}) } as const;
    expect(change(model, wish)).toEqual({
      done: true,
      back: { do: 'delete', cell, was: cell }
    });
  };

  insert('m1', 'first', 'a');
  insert('m2', 'first', 'a');
  insert('n1', 'second', 'gone');

  expect(sources(model)).toEqual(['x', 'm1', 'm2', 'y', 'n1']);
  expect(model.sharedModel.cells[1].getMetadata('lobu')).toMatchObject({ toolCallId: 'm1' });
});

test('a cell that is not there was not deleted now', () => {
  const model = notebook({ id: 'a', source: 'x' });

  expect(change(model, { do: 'delete', cell: 'z', was: 'x' })).toEqual({
    done: true,
    absent: true
  });
  expect(sources(model)).toEqual(['x']);
});

test.each([
  ['edit', { editable: false }, '"editable": false'],
  ['delete', { editable: false }, '"editable": false'],
  ['delete', { deletable: false }, '"deletable": false'],
  ['edit', { nbgrader: { grade: true, locked: true, grade_id: 'q1' } }, 'nbgrader'],
  ['edit', { nbgrader: { grade: true, solution: false } }, 'nbgrader'],
  ['delete', { nbgrader: { solution: true } }, 'nbgrader']
] as const)('a locked cell refuses to %s: %j', (deed, metadata, reason) => {
  const model = notebook({ id: 'a', source: 'x', metadata });
  const wish =
    deed === 'edit'
      ? ({ do: 'edit', cell: 'a', was: 'x', source: 'y' } as const)
      : ({ do: 'delete', cell: 'a', was: 'x' } as const);

  expect(change(model, wish).refused).toContain(reason);
  expect(sources(model)).toEqual(['x']);
  const locked = cellsOf(read(model, { do: 'read' }))[0].locked as JsonObject;
  expect(locked[deed]).toContain(reason);
});

test.each([
  { deletable: false },
  { nbgrader: { grade: true, solution: true } },
  { editable: true },
  { nbgrader: 5 }
])('a cell that is not locked is edited: %j', metadata => {
  const model = notebook({ id: 'a', source: 'x', metadata: metadata as unknown as JsonObject });

  expect(change(model, { do: 'edit', cell: 'a', was: 'x', source: 'y' })).toEqual({
    done: true,
    back: { do: 'edit', cell: 'a', was: 'y', source: 'x' }
  });
  expect(sources(model)).toEqual(['y']);
});

test('a long notebook is read in parts', () => {
  const model = notebook(
    ...Array.from({ length: 300 }, (_, n) => ({ id: `c${n}`, source: 'x'.repeat(3000) }))
  );
  const first = read(model, { do: 'read' });
  const count = cellsOf(first).length;
  const second = read(model, { do: 'read', start: count + 1 });

  expect(first.total).toBe(300);
  expect(count).toBeLessThan(140);
  expect(cellsOf(second)[0]).toMatchObject({ id: `c${count}`, number: count + 1 });
  expect(cellsOf(read(model, { do: 'read', outline: true }))).toHaveLength(300);
  expect(JSON.stringify(read(model, { do: 'read', start: 301 }))).toContain('"cells":[]');
});

test("the transcripts below a person's %lobu cells are left out", () => {
  const model = notebook({ id: 'a', source: '%lobu x' });
  const cell = model.sharedModel.cells[0] as unknown as { setOutputs(outputs: unknown[]): void };
  cell.setOutputs([
    {
      output_type: 'display_data',
      metadata: {},
      data: { 'application/vnd.lobu.thread+json': { prompt: 'secret' }, 'text/plain': 'secret' }
    }
  ]);

  const told = JSON.stringify(read(model, { do: 'read' }));
  expect(told).not.toContain('secret');
  expect(told).toContain('the transcript of a chat');
});
