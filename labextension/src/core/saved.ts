/**
 * What a notebook saves of a run, so that it reads well where no server has the thread: the folded
 * state, bounded, and the same as plain text and as HTML.
 */
import { object, text } from './json';
import { lastRun, promptOf, sliceOf, textOf } from './run';
import { member, parsed } from './text/args';
import { escapeHtml } from './text/highlight';
import { joined } from './text/joined';
import { sanitize } from './text/sanitize';
import { plain } from './text/terminal';
import { visible } from './text/visible';
import { ICellOutput, INamedItem, IOutput, IState, Item, IToolItem, OUTPUT_MIME } from './wire';

const LARGEST = 256 * 1024;
const STILL_RUNNING = 'lobu.still_running';
const SAID_AT_ITS_END = ['lobu.cut', STILL_RUNNING];

/** Has the run come to rest since the output was saved? */
export function isBehind(output: ICellOutput, state: IState): boolean {
  const now = sliceOf(state, output.runId, output.also);
  const run = lastRun(now);
  if (run === undefined || run.status === 'running' || run.status === 'queued') {
    return false;
  }
  if (run.status === 'interrupted' && state.status === 'running') {
    return false; // decided: it is about to go on
  }
  const before = output.snapshot ? sliceOf(output.snapshot, output.runId, output.also) : undefined;
  const known = before && lastRun(before);
  const settled = now.interrupts.length === before?.interrupts.length;
  return (
    known?.runId !== run.runId ||
    known.status !== run.status ||
    !settled ||
    saysItRuns(now) !== saysItRuns(before)
  );
}

/** Is its code said to run on, after its end? */
function saysItRuns(slice: { items: Item[] } | undefined): boolean {
  return slice?.items.some(item => item.kind === 'notice' && item.name === STILL_RUNNING) ?? false;
}

/** The MIME bundle of the run as it stands. */
export function savedBundle(output: ICellOutput, state: IState): { [mime: string]: unknown } {
  const snapshot = bounded(state, output.runId, output.also);
  const prompt = promptOf(snapshot) || output.prompt; // as journaled: what was redacted there is not saved here
  const data: ICellOutput = { ...output, prompt, cursor: state.cursor, snapshot };
  return {
    [OUTPUT_MIME]: data,
    'text/plain': asText(snapshot),
    'text/html': asHtml(snapshot)
  };
}

/** The state of a cell's runs, in at most 256 kB of JSON: the largest outputs give way first. */
export function bounded(state: IState, runId: string, also: string[] = []): IState {
  const slice = sliceOf(state, runId, also);
  const own = JSON.parse(JSON.stringify({ ...state, ...slice, state: null })) as IState;
  let size = JSON.stringify(own).length;
  while (size > LARGEST) {
    const largest = largestPart(own);
    if (largest === null) {
      break;
    }
    size -= largest.cut();
  }
  return own;
}

interface IPart {
  size: number;
  /** Shorten it; by how many characters. */
  cut(): number;
}

function largestPart(state: IState): IPart | null {
  let largest: IPart | null = null;
  for (const item of state.items) {
    for (const part of partsOf(item)) {
      if (part.size > 1000 && part.size > (largest?.size ?? 0)) {
        largest = part;
      }
    }
  }
  return largest;
}

function partsOf(item: Item): IPart[] {
  if (item.kind === 'tool') {
    const outputs = item.outputs.map((output, i) =>
      part(JSON.stringify(output).length, note => {
        item.outputs[i] = { output_type: 'stream', name: 'stdout', text: note };
      })
    );
    const result = JSON.stringify(item.result ?? '').length;
    return [
      ...outputs,
      part(result, note => (item.result = note)),
      part(item.diff?.length ?? 0, note => (item.diff = note)),
      part(item.args.length, note => (item.args = JSON.stringify({ note })))
    ];
  }
  const content = 'content' in item ? JSON.stringify(item.content).length : 0;
  if (content > 0 && (item.kind === 'message' || item.kind === 'reasoning')) {
    return [part(content, note => (item.content = note))];
  }
  return [];
}

function part(size: number, replace: (note: string) => void): IPart {
  const note = `[${Math.ceil(size / 1024)} kB are not saved in the notebook]`;
  return {
    size,
    cut: () => {
      replace(note);
      return size - note.length;
    }
  };
}

/** The run as plain text. */
export function asText(state: IState): string {
  const said = state.items.map(textLine).filter(Boolean);
  const open = state.interrupts.map(i => `[Needs approval] ${visible(i.message ?? i.reason)}`);
  return [`> ${promptOf(state)}`, ...said, ...open].join('\n\n');
}

function textLine(item: Item): string {
  switch (item.kind) {
    case 'message':
      return item.role === 'assistant' ? textOf(item.content).trim() : '';
    case 'tool':
      return [`[${visible(item.name)}] ${codeOf(item)}`, ...item.outputs.map(outputText)]
        .join('\n')
        .trim();
    case 'error':
      return `[failed: ${item.code}] ${item.message}`;
    case 'cancelled':
      return '[stopped]';
    case 'notice':
      return SAID_AT_ITS_END.includes(item.name) ? `[${noticeWords(item)}]` : '';
    default:
      return '';
  }
}

function codeOf(item: IToolItem): string {
  const edited = item.decision?.decision.editedArgs;
  const whole = edited ?? parsed(item.args);
  if (whole === null) {
    return visible(member(item.args, 'code') ?? item.args);
  }
  const { code, ...rest } = whole;
  if (typeof code !== 'string') {
    return visible(JSON.stringify(whole));
  }
  return visible(Object.keys(rest).length > 0 ? `${JSON.stringify(rest)}\n${code}` : code);
}

function outputText(output: IOutput): string {
  if (output.output_type === 'error') {
    return `${output.ename}: ${output.evalue}`;
  }
  return plain(joined(output.text ?? output.data?.['text/plain'])).trimEnd();
}

/** The run as inert HTML that needs no style sheet. */
export function asHtml(state: IState): string {
  const body = state.items.map(htmlBlock).join('');
  const open = state.interrupts.map(i =>
    paragraph(`Needs approval: ${visible(i.message ?? i.reason)}`)
  );
  return `<div><p><strong>${escapeHtml(promptOf(state))}</strong></p>${body}${open.join('')}</div>`;
}

function htmlBlock(item: Item): string {
  switch (item.kind) {
    case 'message':
      return item.role === 'assistant' ? paragraph(textOf(item.content)) : '';
    case 'tool':
      return (
        `<details open><summary>${escapeHtml(visible(item.name))}</summary>` +
        `<pre>${escapeHtml(codeOf(item))}</pre>${item.outputs.map(outputHtml).join('')}</details>`
      );
    case 'error':
      return paragraph(`Failed (${item.code}): ${item.message}`);
    case 'cancelled':
      return paragraph('Stopped.');
    case 'notice':
      return SAID_AT_ITS_END.includes(item.name) ? paragraph(noticeWords(item)) : '';
    default:
      return '';
  }
}

/** Why an answer is not complete, or what its code still does. */
function noticeWords(item: INamedItem): string {
  return visible(text(object(item.value).message));
}

function outputHtml(output: IOutput): string {
  const { data } = output;
  const image = data?.['image/png'];
  if (typeof image === 'string') {
    return `<img alt="Figure" src="data:image/png;base64,${image.replace(/[^\w+/=]/g, '')}">`;
  }
  const html = data?.['text/html'];
  if (typeof html === 'string') {
    return sanitize(html);
  }
  const text = outputText(output);
  return text ? `<pre>${escapeHtml(text)}</pre>` : '';
}

function paragraph(text: string): string {
  return text.trim() ? `<p style="white-space: pre-wrap">${escapeHtml(text.trim())}</p>` : '';
}
