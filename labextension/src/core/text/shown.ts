/**
 * All that a call is asked to do, in parts that a person can read.
 *
 * Every argument is one part, under its name: a short value on one line, a long one as a block
 * with line numbers. lobu_jupyter/model/card.py makes the same parts for the terminal.
 */
import { JsonObject } from '../wire';
import { languageOf } from './highlight';
import { lineOf, stepsOf } from './plan';
import { visibleJson } from './visible';

export interface IPart {
  name: string;
  text: string;
  /** Several lines, or one that is long: shown as a block. */
  block: boolean;
  language: string;
}

const LONGEST_LINE = 120;

/** One part for each argument, in their order. */
export function partsOf(args: JsonObject): IPart[] {
  const path = typeof args.path === 'string' ? args.path : '';
  return Object.entries(args).map(([name, value]) => {
    const steps = name === 'steps' ? stepsOf(value) : null;
    const text =
      steps !== null
        ? steps.map(lineOf).join('\n')
        : typeof value === 'string'
          ? oneText(value)
          : visibleJson(value);
    const block = name === 'code' || text.includes('\n') || text.length > LONGEST_LINE;
    const language =
      steps !== null ? '' : typeof value === 'string' ? languageFor(name, path) : 'json';
    return { name, text, block, language: block ? language : '' };
  });
}

/** How many lines a text has. */
export function lineCount(text: string): number {
  return text.replace(/\n$/, '').split('\n').length;
}

/** A string as it is; one that reads like another value, or like nothing, in quotes. */
function oneText(value: string): string {
  const isPlain = value.trim() === value && value !== '' && !/^["[{]/.test(value);
  return value.includes('\n') || (isPlain && !isJson(value)) ? value : visibleJson(value);
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function languageFor(name: string, path: string): string {
  const known: { [name: string]: string } = { code: 'python', command: 'bash', query: 'sql' };
  return known[name] ?? (name === 'content' ? languageOf(path) : '');
}
