/** Plans: the steps of AG-UI's activity `PLAN`. lobu_jupyter/model/plan.py reads the same. */
import { list, object } from '../json';
import { Json } from '../wire';

export interface IPlanStep {
  status: string;
  text: string;
}

const MARKS: { [status: string]: string } = {
  pending: '[ ]',
  in_progress: '[>]',
  completed: '[x]'
};

/** The steps of a plan, or null: the value is another one, or says more than its steps do. */
export function stepsOf(value: Json | undefined): IPlanStep[] | null {
  const steps = list(value).map(one => {
    const { description, status = 'pending', ...rest } = object(one);
    const known = typeof status === 'string' && Object.hasOwn(MARKS, status);
    const said = typeof description === 'string' && /^[^\n]+$/.test(description);
    return known && said && Object.keys(rest).length === 0 ? { status, text: description } : null;
  });
  return steps.length > 0 && !steps.includes(null) ? (steps as IPlanStep[]) : null;
}

/** A step as a line of text. */
export function lineOf(step: IPlanStep): string {
  return `${MARKS[step.status]} ${step.text}`;
}
