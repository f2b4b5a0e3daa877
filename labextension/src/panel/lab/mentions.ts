/** What a mention may be and what it means, in the notebook in front and its kernel and folder. */
import { Cell, CodeCell } from '@jupyterlab/cells';
import { NotebookPanel } from '@jupyterlab/notebook';
import { Contents, Kernel } from '@jupyterlab/services';
import { ITrans } from '../../core/host';
import { plain } from '../../core/text/terminal';
import { joined } from '../../core/text/joined';
import { IContext, ISuggestion, PLACES } from '../model/completion';

const LONGEST = 32_000; // characters of one context
const KERNEL_MS = 1500;
const FREE_MS = 60_000;

/** The person's variables as JSON rows `[name, type, shape]`; nothing is imported, nothing stays. */
const VARIABLES =
  `__import__('json').dumps([[n, type(v).__name__, str(getattr(v, 'shape', '')) if hasattr(type(v), 'shape')
 else (str(len(v)) if isinstance(v, (str, bytes, list, tuple, dict, set)) else '')]
 for n, v in list(get_ipython().user_ns.items())
 if not n.startswith('_') and n not in get_ipython().user_ns_hidden
 and type(v).__name__ not in ('module', 'type', 'function', 'builtin_function_or_method')][:300])`.replace(
    /\n/g,
    ''
  );

const UNREADABLE = '(it cannot be read in the kernel)';

type Row = [name: string, type: string, shape: string];

export class Mentions {
  constructor(
    private readonly _current: () => NotebookPanel | null,
    private readonly _contents: Contents.IManager,
    private readonly _trans: () => ITrans
  ) {}

  suggest(word: string): Promise<ISuggestion[]>[] {
    const panel = this._current();
    const file = word.startsWith('file:');
    return [
      Promise.resolve(panel === null ? [] : this._places()),
      file ? Promise.resolve([]) : this._variablesSoon(panel),
      this._files(panel, file ? word.slice(5) : '')
    ];
  }

  async resolve(mention: string): Promise<IContext | null> {
    const panel = this._current();
    const [kind, ...rest] = mention.split(':');
    const name = rest.join(':');
    if (kind === 'file' && name) {
      return this._file(panel, name);
    }
    if (panel === null) {
      return null;
    }
    if (kind === 'variable' && name) {
      return this._variable(panel, name);
    }
    const cell = panel.content.activeCell;
    switch (mention) {
      case 'cell':
        return cell && context('The active cell of the notebook', sourceOf(cell));
      case 'selection':
        return context('What is selected in the active cell', selectionOf(cell));
      case 'output':
        return context('The output of the active cell', outputOf(cell));
      case 'notebook':
        return context(`The notebook ${panel.context.path}`, notebookText(panel));
      default:
        return this._named(panel, mention);
    }
  }

  /** What can be asked here: about the last error, the tables and the other variables of this notebook. */
  async ideas(): Promise<string[]> {
    const panel = this._current();
    if (panel === null) {
      return [];
    }
    const trans = this._trans();
    const failed = panel.content.widgets.filter(cell => errorOf(cell) !== '').pop();
    const ideas = failed
      ? [trans.__('Fix the %1 in: %2', errorOf(failed), lastLine(sourceOf(failed)))]
      : [];
    const rows = await this._variables(panel);
    const tables = rows.filter(([, type]) => /^(DataFrame|LazyFrame|Table)$/.test(type));
    for (const [name] of tables.slice(-2)) {
      ideas.push(trans.__('Describe %1', `@${name}`), trans.__('Plot %1', `@${name}`));
    }
    const others = rows.filter(row => !tables.includes(row));
    for (const [name] of tables.length > 0 ? [] : others.slice(-2)) {
      ideas.push(trans.__('Explain %1', `@${name}`));
    }
    if (ideas.length === 0 && panel.content.widgets.some(cell => sourceOf(cell).trim() !== '')) {
      ideas.push(trans.__('Explain %1', '@notebook'));
    }
    return ideas.slice(0, 4);
  }

  /** A variable of that name, or null: a word that only begins with the sign. */
  private async _named(panel: NotebookPanel, name: string): Promise<IContext | null> {
    const found = await this._variable(panel, name);
    return found?.value === UNREADABLE ? null : found;
  }

  private _places(): ISuggestion[] {
    const trans = this._trans();
    return [
      { text: '@cell', detail: trans.__('the active cell') },
      { text: '@selection', detail: trans.__('what is selected in it') },
      { text: '@output', detail: trans.__('its output') },
      { text: '@notebook', detail: trans.__('all cells') }
    ];
  }

  private async _variables(panel: NotebookPanel | null): Promise<Row[]> {
    const kernel = panel?.sessionContext.session?.kernel;
    const said = kernel && kernel.status !== 'busy' ? await evaluate(kernel, VARIABLES) : null;
    return rowsOf(said?.[0]);
  }

  /** As suggestions, once the kernel is free; asked for once, however much is typed meanwhile. */
  private _variablesSoon(panel: NotebookPanel | null): Promise<ISuggestion[]> {
    const kernel = panel?.sessionContext.session?.kernel;
    if (panel === null || !kernel) {
      return Promise.resolve([]);
    }
    const soon = this._soon.get(kernel.id);
    if (soon !== undefined) {
      return soon;
    }
    const asking = free(kernel, FREE_MS)
      .then(() => this._variables(panel))
      .then(rows =>
        rows.map(([name, type, shape]) => ({
          text: PLACES.includes(name) ? `@variable:${name}` : `@${name}`,
          detail: shape ? `${type} ${shape}` : type
        }))
      )
      .finally(() => this._soon.delete(kernel.id));
    this._soon.set(kernel.id, asking);
    return asking;
  }

  /** What the kernel says of it, or why it says nothing: what was mentioned is never left out unsaid. */
  private async _variable(panel: NotebookPanel, name: string): Promise<IContext | null> {
    const kernel = panel.sessionContext.session?.kernel;
    if (!kernel || !/^[\p{L}_][\p{L}\p{N}_]*$/u.test(name)) {
      return null;
    }
    await free(kernel, KERNEL_MS); // our own look at the variables may be under way
    const said = kernel.status === 'busy' ? null : await evaluate(kernel, VARIABLES, name);
    if (said === null) {
      return context(`The variable ${name}`, '(it cannot be read: the kernel is busy)');
    }
    const row = rowsOf(said[0]).find(one => one[0] === name);
    const what = row ? ` (${row[1]} ${row[2]})` : '';
    return context(`The variable ${name}${what}`, said[1] ?? UNREADABLE);
  }

  private async _files(panel: NotebookPanel | null, typed: string): Promise<ISuggestion[]> {
    const folder = typed.slice(0, typed.lastIndexOf('/') + 1);
    try {
      const found = await this._contents.get(this._path(panel, folder), { content: true });
      return (found.content as Contents.IModel[]).map(({ name, type }) => ({
        text: `@file:${folder}${name}${type === 'directory' ? '/' : ''}`,
        detail: type === 'directory' ? this._trans().__('folder') : this._trans().__('file')
      }));
    } catch {
      return []; // no such folder: nothing to offer
    }
  }

  private async _file(panel: NotebookPanel | null, name: string): Promise<IContext | null> {
    try {
      const file = await this._contents.get(this._path(panel, name), {
        content: true,
        type: 'file',
        format: 'text'
      });
      return context(`The file ${name}`, String(file.content));
    } catch {
      return context(`The file ${name}`, '(it cannot be read as text)');
    }
  }

  /** As seen from the notebook's folder; `/` is the server's. */
  private _path(panel: NotebookPanel | null, name: string): string {
    if (name.startsWith('/')) {
      return name.slice(1);
    }
    const from = panel?.context.path ?? '';
    return (from.slice(0, from.lastIndexOf('/') + 1) + name).replace(/\/$/, '');
  }

  private readonly _soon = new Map<string, Promise<ISuggestion[]>>();
}

export function sourceOf(cell: Cell): string {
  return cell.model.sharedModel.getSource();
}

/** The selected text of a cell, or all of it where nothing is selected. */
export function selectionOf(cell: Cell | null): string {
  const editor = cell?.editor;
  if (!cell || !editor) {
    return '';
  }
  const { start, end } = editor.getSelection();
  const [from, to] = [editor.getOffsetAt(start), editor.getOffsetAt(end)].sort((a, b) => a - b);
  return from === to ? sourceOf(cell) : sourceOf(cell).slice(from, to);
}

/** The outputs of a cell as text, errors with their traceback. */
export function outputOf(cell: Cell | null): string {
  if (!(cell?.model.type === 'code')) {
    return '';
  }
  const outputs = (cell as CodeCell).model.sharedModel.getOutputs();
  return outputs.map(outputText).filter(Boolean).join('\n');
}

/** The errors of a cell with their tracebacks, as text. */
export function errorTextOf(cell: CodeCell): string {
  const outputs = cell.model.sharedModel.getOutputs();
  return outputs
    .filter(output => output.output_type === 'error')
    .map(outputText)
    .join('\n');
}

/** The name of the error that a cell ended with, or ''. */
function errorOf(cell: Cell): string {
  const outputs =
    cell.model.type === 'code' ? (cell as CodeCell).model.sharedModel.getOutputs() : [];
  const error = outputs.find(output => output.output_type === 'error') as
    { ename?: unknown } | undefined;
  return typeof error?.ename === 'string' ? error.ename.slice(0, 60) : '';
}

function lastLine(source: string): string {
  return (source.trim().split('\n').pop() ?? '').slice(0, 60);
}

function outputText(output: { [name: string]: unknown }): string {
  if (output.output_type === 'error') {
    const lines = output.traceback as string[] | undefined;
    return plain(lines?.join('\n') || `${String(output.ename)}: ${String(output.evalue)}`);
  }
  const data = output.data as { [mime: string]: string | string[] } | undefined;
  const text = (output.text ?? data?.['text/plain']) as string | string[] | undefined;
  return plain(joined(text));
}

function notebookText(panel: NotebookPanel): string {
  const cells = panel.content.widgets.map((cell, i) => {
    const output = outputOf(cell);
    const more = output ? `\n# output:\n${output.slice(0, 2000)}` : '';
    return `# cell ${i + 1} (${cell.model.type})\n${sourceOf(cell)}${more}`;
  });
  return cells.join('\n\n');
}

export function context(description: string, value: string): IContext | null {
  const cut = value.length > LONGEST ? `${value.slice(0, LONGEST)}\n[shortened]` : value;
  return value.trim() ? { description, value: cut } : null;
}

/** Wait until the kernel works on nothing, or for `ms`. */
function free(kernel: Kernel.IKernelConnection, ms: number): Promise<void> {
  if (kernel.status !== 'busy') {
    return Promise.resolve();
  }
  return new Promise(done => {
    const over = (): void => {
      clearTimeout(timer);
      kernel.statusChanged.disconnect(look);
      done();
    };
    const look = (): void => {
      if (kernel.status !== 'busy') {
        over();
      }
    };
    const timer = setTimeout(over, ms);
    kernel.statusChanged.connect(look);
  });
}

/** The texts of expressions in a free kernel, null for an error or another language; null: no answer in time. */
async function evaluate(
  kernel: Kernel.IKernelConnection,
  ...expressions: string[]
): Promise<(string | null)[] | null> {
  const future = kernel.requestExecute({
    code: '',
    silent: true,
    store_history: false,
    allow_stdin: false,
    user_expressions: Object.fromEntries(expressions.entries())
  });
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<null>(done => {
    timer = setTimeout(() => done(null), KERNEL_MS);
  });
  const reply = await Promise.race([future.done, late]);
  clearTimeout(timer);
  if (reply === null) {
    future.dispose();
    return null;
  }
  const content = reply.content as {
    user_expressions?: { [index: string]: { data?: { [mime: string]: string } } };
  };
  return expressions.map((_, i) => content.user_expressions?.[i]?.data?.['text/plain'] ?? null);
}

/** What {@link VARIABLES} came to. */
function rowsOf(text: string | null | undefined): Row[] {
  return text ? (JSON.parse(unquoted(text)) as Row[]) : [];
}

/** The text of a Python string's repr. */
function unquoted(repr: string): string {
  const inner = repr.slice(1, -1).replace(/\\'/g, "'").replace(/\\\\/g, '\\');
  return inner;
}
