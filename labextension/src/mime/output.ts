/**
 * One cell output: a chat widget's thread, or a view of one run, live while the page has a connection, and what the notebook
 * saved where the thread cannot be read.
 */
import type { ISharedNotebook } from '@jupyter/ydoc';
import { INotebookTracker } from '@jupyterlab/notebook';
import { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import { Message } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';
import type { Page } from '../core/page';
import { ICellOutput, OUTPUT_MIME } from '../core/wire';

/** Milliseconds within which the kernel brings its output up to date through the page that ran the cell. */
const OTHERS_MS = 3000;

export class LobuOutput extends Widget implements IRenderMime.IRenderer {
  constructor(
    private readonly _page: Page,
    private readonly _writer: (node: HTMLElement) => Writer
  ) {
    super();
    this.addClass('lobu-output-widget');
  }

  /** Show what `model` says; called again when the kernel updates the output. */
  async renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    const { readChat, readOutput } = await import('../core/savedcopy');
    this._model = model;
    this._output = readOutput(model.data[OUTPUT_MIME]);
    this._chat = readChat(model.data[OUTPUT_MIME]);
    if (this._output === null && this._chat === null) {
      this._end();
      const text = model.data['text/plain'];
      this.node.textContent = typeof text === 'string' ? text : '';
    }
    await this._draw();
  }

  protected override onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    void this._draw();
  }

  protected override onBeforeDetach(message: Message): void {
    this._end();
    super.onBeforeDetach(message);
  }

  override dispose(): void {
    this._end();
    super.dispose();
  }

  /** The views are loaded with the first output that is shown, not with the application. */
  private async _draw(): Promise<void> {
    const { mount } = await import('../core/view/root');
    if (!this.isAttached || this.isDisposed) {
      return;
    }
    if (this._chat !== null) {
      this.addClass('lobu-widget');
      const whole = { threadId: this._chat, runId: null, composer: 'always' as const };
      this._unmount = mount(this.node, { page: this._page, ...whole });
      return;
    }
    if (this._output === null) {
      return;
    }
    const { threadId, runId, also, snapshot } = this._output;
    this._unmount = mount(this.node, {
      page: this._page,
      threadId,
      runId,
      also,
      saved: snapshot,
      composer: 'waiting',
      onChange: () => void this._save(),
      onRetry: again => this._adopt({ runId: again }),
      onMore: more => this._adopt({ runId, also: [...(also ?? []), more] })
    });
  }

  private _end(): void {
    this._unmount?.();
    this._unmount = null;
  }

  /** Bring what the notebook saves up to date, once the run has come to rest. */
  private async _save(): Promise<void> {
    const { isBehind, savedBundle } = await import('../core/saved');
    const behind = (): boolean =>
      this._output !== null &&
      this.isAttached &&
      isBehind(this._output, this._page.thread(this._output.threadId).state);
    const writer = behind() ? this._writer(this.node) : 'other';
    if (writer === 'last' && !this._waits) {
      this._waits = true;
      await new Promise(resolve => window.setTimeout(resolve, OTHERS_MS));
      this._waits = false;
    } else if (writer !== 'this') {
      return;
    }
    if (this._output !== null && behind() && this._writer(this.node) !== 'other') {
      this._write(savedBundle(this._output, this._page.thread(this._output.threadId).state));
    }
  }

  /** Show other runs in the place of these, also after a reload. */
  private _adopt(runs: Pick<ICellOutput, 'runId' | 'also'>): void {
    if (this._output !== null) {
      const { version, threadId, prompt, cursor } = this._output;
      this._write({ [OUTPUT_MIME]: { version, threadId, prompt, cursor, ...runs } });
      void this._draw();
    }
  }

  private _write(bundle: { [mime: string]: unknown }): void {
    this._output = bundle[OUTPUT_MIME] as ICellOutput;
    const data = { ...this._model?.data, ...bundle } as IRenderMime.IMimeModel['data'];
    this._model?.setData({ data });
  }

  private _model: IRenderMime.IMimeModel | null = null;
  private _output: ICellOutput | null = null;
  /** The thread of a chat widget: all of it is shown, with a box. */
  private _chat: string | null = null;
  private _unmount: (() => void) | null = null;
  /** Is it about to write, unless the kernel does? */
  private _waits = false;
}

/** Which page writes: this one, another, or this one if nobody else does so first. */
export type Writer = 'this' | 'other' | 'last';

/**
 * Who writes into the notebook around `node`. Of the pages that share it live (jupyter-collaboration) one is elected: two
 * that replace an output at once leave it twice.
 */
export function writerOf(node: HTMLElement, notebooks: INotebookTracker | null): Writer {
  const panel = notebooks?.find(one => one.node.contains(node));
  if (!panel?.context.contentsModel?.writable) {
    return 'other';
  }
  const { awareness } = panel.context.model.sharedModel as Partial<ISharedNotebook>;
  const pages = [...(awareness?.getStates() ?? [])].filter(([, state]) => state?.user);
  const others = pages.some(([id]) => id !== awareness?.clientID);
  const first = pages.every(([id]) => id >= (awareness?.clientID ?? 0));
  return others ? (first ? 'last' : 'other') : 'this';
}
