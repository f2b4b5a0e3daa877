/** What agents have used of the limits that hold, and the person's own limits as they are written. */
import { dollars, short } from '../../core/usage';
import { ITrans } from '../../core/host';
import { IState, JsonObject } from '../../core/wire';

export type Scope = 'run' | 'thread' | 'day';
export type Measure = 'tokens' | 'dollars' | 'seconds';
export const SCOPES: Scope[] = ['run', 'thread', 'day'];
export const MEASURES: Measure[] = ['tokens', 'dollars', 'seconds'];

type Limits = { [scope in Scope]?: { [measure in Measure]?: number | null } };

/** The answer of `GET budget`. */
export interface IBudget {
  limits: { server: Limits; own: Limits };
  used: { [scope in Scope]?: { [measure in Measure]: number } & { unpriced: number } };
  resetsAt: string;
}

/** One limit that holds. `own`: the person's, which asks; else the server's, which ends the run. */
export interface IGauge {
  scope: Scope;
  measure: Measure;
  used: number;
  limit: number;
  own: boolean;
  unpriced: number;
}

/** The limits that hold, the fullest first. */
export function gaugesOf(budget: IBudget): IGauge[] {
  const found: IGauge[] = [];
  for (const scope of SCOPES) {
    for (const measure of MEASURES) {
      const server = budget.limits.server[scope]?.[measure] ?? Infinity;
      const own = budget.limits.own[scope]?.[measure] ?? Infinity;
      const used = budget.used[scope]?.[measure] ?? 0;
      const limit = Math.min(server, own);
      if (limit !== Infinity) {
        const unpriced = measure === 'dollars' ? (budget.used[scope]?.unpriced ?? 0) : 0;
        found.push({ scope, measure, used, limit, own: own <= server, unpriced });
      }
    }
  }
  return found.sort((one, other) => part(other) - part(one));
}

/** How much of a limit is used, 0 to 1. */
export function part(gauge: IGauge): number {
  return gauge.limit > 0 ? Math.min(1, gauge.used / gauge.limit) : 1;
}

export function amount(measure: Measure, value: number, trans: ITrans): string {
  switch (measure) {
    case 'dollars':
      return dollars(value);
    case 'tokens':
      return trans.__('%1 tokens', short(value));
    default:
      return value < 120
        ? trans.__('%1 s', String(Math.round(value)))
        : trans.__('%1 min', String(Math.round(value / 60)));
  }
}

export function scopeName(scope: Scope, trans: ITrans): string {
  const words = {
    run: trans.__('This run'),
    thread: trans.__('This chat'),
    day: trans.__('Today (UTC)')
  };
  return words[scope];
}

/** A gauge as a sentence. */
export function sentenceOf(gauge: IGauge, trans: ITrans): string {
  const { scope, measure, used, limit } = gauge;
  const told = trans.__(
    '%1: %2 of %3',
    scopeName(scope, trans),
    amount(measure, used, trans),
    amount(measure, limit, trans)
  );
  return gauge.unpriced > 0
    ? `${told} ${trans.__('(%1 requests without a known price)', String(gauge.unpriced))}`
    : told;
}

/** The person's limits as they are written in the form: texts by `scope.measure`. */
export function written(budget: IBudget): { [name: string]: string } {
  const texts: { [name: string]: string } = {};
  for (const scope of SCOPES) {
    for (const measure of MEASURES) {
      const limit = budget.limits.own[scope]?.[measure];
      texts[`${scope}.${measure}`] = typeof limit === 'number' ? String(limit) : '';
    }
  }
  return texts;
}

/** The limits of such texts, or the name of the first one that is no number. */
export function read(texts: { [name: string]: string }): JsonObject | string {
  const limits: { [scope: string]: JsonObject } = {};
  for (const scope of SCOPES) {
    for (const measure of MEASURES) {
      const name = `${scope}.${measure}`;
      const text = (texts[name] ?? '').trim();
      const value = Number(text);
      const whole = measure === 'dollars' || Number.isInteger(value);
      if (text !== '' && !(value >= 0 && whole && value <= Number.MAX_SAFE_INTEGER)) {
        return name;
      }
      if (text !== '') {
        limits[scope] = { ...limits[scope], [measure]: value };
      }
    }
  }
  return limits;
}

/** Changes when there may be something new to read: a run began, ended, paused, or a gauge moved. */
export function momentOf(state: IState): string {
  const moved = state.items.filter(item => item.kind === 'notice' && item.name === 'lobu.budget');
  return `${state.status} ${state.runs.length} ${moved.length}`;
}
