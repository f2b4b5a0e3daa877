/**
 * One cell output: a view of one run, live while the page has a connection, and what the notebook
 * saved where the thread cannot be read.
 */
import { INotebookTracker } from '@jupyterlab/notebook';
import { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import { Message } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';
import { Page } from '../core/page';
import { isBehind, savedBundle } from '../core/saved';
import { mount } from '../core/view/root';
import { ICellOutput, OUTPUT_MIME } from '../core/wire';

export class LobuOutput extends Widget implements IRenderMime.IRenderer {
  constructor(
    private readonly _page: Page,
    private readonly _writable: (node: HTMLElement) => boolean
  ) {
    super();
    this.addClass('lobu-output-widget');
  }

  /** Show what `model` says; called again when the kernel updates the output. */
  renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    this._model = model;
    const data = model.data[OUTPUT_MIME] as unknown as Partial<ICellOutput> | null;
    if (typeof data?.threadId === 'string' && typeof data.runId === 'string') {
      this._output = data as ICellOutput;
      this._draw();
    } else {
      this.node.textContent = String(model.data['text/plain'] ?? '');
    }
    return Promise.resolve();
  }

  protected override onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    this._draw();
  }

  protected override onBeforeDetach(message: Message): void {
    this._unmount?.();
    this._unmount = null;
    super.onBeforeDetach(message);
  }

  override dispose(): void {
    this._unmount?.();
    this._unmount = null;
    super.dispose();
  }

  private _draw(): void {
    if (this._output === null || !this.isAttached) {
      return;
    }
    const { threadId, runId, snapshot } = this._output;
    this._unmount = mount(this.node, {
      page: this._page,
      threadId,
      runId,
      saved: snapshot,
      composer: 'waiting',
      onChange: () => this._save(),
      onRetry: again => this._adopt(again)
    });
  }

  /** Bring what the notebook saves up to date, once the run has come to rest. */
  private _save(): void {
    const output = this._output;
    if (output === null || this._model === null || !this.isAttached) {
      return;
    }
    const thread = this._page.thread(output.threadId);
    if (isBehind(output, thread.state) && this._writable(this.node)) {
      this._write(savedBundle(output, thread.state));
    }
  }

  /** Show another run in the place of this one, also after a reload. */
  private _adopt(runId: string): void {
    if (this._output !== null) {
      const { version, threadId, prompt, cursor } = this._output;
      this._output = { version, threadId, prompt, cursor, runId };
      this._write({ [OUTPUT_MIME]: this._output });
      this._draw();
    }
  }

  private _write(bundle: { [mime: string]: unknown }): void {
    this._output = bundle[OUTPUT_MIME] as ICellOutput;
    this._model?.setData({ data: { ...this._model.data, ...bundle } as IRenderMime.IMimeModel['data'] });
  }

  private _model: IRenderMime.IMimeModel | null = null;
  private _output: ICellOutput | null = null;
  private _unmount: (() => void) | null = null;
}

/** May the notebook around `node` be changed? */
export function isWritable(node: HTMLElement, notebooks: INotebookTracker | null): boolean {
  const panel = notebooks?.find(one => one.node.contains(node));
  return panel?.context.contentsModel?.writable ?? false;
}
