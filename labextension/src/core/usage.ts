/** Tokens and prices of answers: what a run's usage says, and the words for it. */
import { list, object, text } from './json';
import { IRunState } from './wire';

/** Of some runs. `dollars` is what is known of the price; `priced`: that is all of it. */
export interface IUsed {
  models: string[];
  input: number;
  output: number;
  dollars: number;
  priced: boolean;
}

export function usedBy(runs: IRunState[]): IUsed {
  const used: IUsed = { models: [], input: 0, output: 0, dollars: 0, priced: true };
  for (const entry of runs.flatMap(run => list(run.usage)).map(object)) {
    const model = text(entry.model);
    if (model && !used.models.includes(model)) {
      used.models.push(model);
    }
    used.input += count(entry.inputTokens);
    used.output += count(entry.outputTokens);
    const { cost } = object(entry.metadata);
    used.priced &&= typeof cost === 'number';
    used.dollars += typeof cost === 'number' ? cost : 0;
  }
  return used;
}

/** A run and those that it resumes: to a person one answer. */
export function chainOf(run: IRunState, runs: IRunState[]): IRunState[] {
  const chain: IRunState[] = [];
  let one: IRunState | undefined = run;
  while (one !== undefined && !chain.includes(one)) {
    chain.unshift(one);
    const parent: string | undefined = one.parentRunId;
    one = runs.find(other => other.runId === parent);
  }
  return chain;
}

function count(value: unknown): number {
  return typeof value === 'number' && value > 0 ? value : 0;
}

/** `850`, `12.3k`, `1.2M`. */
export function short(count: number): string {
  if (count < 1000) {
    return String(count);
  }
  return count < 1_000_000 ? `${(count / 1000).toFixed(1)}k` : `${(count / 1_000_000).toFixed(1)}M`;
}

/** `$12.30`, `$0.0042`, `<$0.0001`. */
export function dollars(price: number): string {
  if (price > 0 && price < 0.0001) {
    return '<$0.0001';
  }
  return `$${price.toFixed(price === 0 || price >= 1 ? 2 : 4)}`;
}
