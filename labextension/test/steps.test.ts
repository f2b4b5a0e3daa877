/** Several steps on an open notebook: the vectors of tests/vectors/steps.json, and one step of the notebook's undo. */
import { YNotebook } from '@jupyter/ydoc';
import { readFileSync } from 'fs';
import { several } from '../src/panel/lab/steps';
import { JsonObject, NotebookStep } from '../src/core/wire';

beforeAll(() => void jest.spyOn(console, 'warn').mockImplementation(() => undefined));

interface ICase {
  cells: JsonObject[];
  steps: NotebookStep[];
  dry?: boolean;
  expect?: string[];
  verdicts: string[];
  after: string[];
}
type Told = { verdict: string; back?: NotebookStep };
type Model = Parameters<typeof several>[0];

const cases = Object.entries(
  JSON.parse(readFileSync(`${__dirname}/../../tests/vectors/steps.json`, 'utf-8')) as {
    [name: string]: ICase;
  }
);

function notebook(cells: JsonObject[]): Model {
  const shared = YNotebook.create();
  shared.deleteCellRange(0, shared.cells.length);
  shared.insertCells(0, cells as never);
  shared.clearUndoHistory();
  return { sharedModel: shared } as unknown as Model;
}

const sources = (model: Model): string[] => model.sharedModel.cells.map(cell => cell.getSource());

test.each(cases)('%s', (_, { cells, steps, verdicts, after, ...more }) => {
  const model = notebook(cells);
  const before = model.sharedModel.cells.map(cell => cell.toJSON());

  const answer = several(model, { do: 'several', steps, ...more });

  const told = answer.steps as unknown as Told[];
  expect(told.map(step => step.verdict)).toEqual(verdicts);
  expect(sources(model)).toEqual(after);
  if (answer.done && told.some(step => step.back)) {
    const backs = told.flatMap(step => (step.back ? [step.back] : [])).reverse();
    model.sharedModel.undo();
    expect(sources(model)).toEqual(cells.map(cell => cell.source)); // all of it is one step
    model.sharedModel.redo();
    several(model, { do: 'several', steps: backs });
    expect(model.sharedModel.cells.map(cell => cell.toJSON())).toEqual(before);
  }
});
