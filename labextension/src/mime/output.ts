/**
 * One cell output: a chat widget's thread, or a view of one run, live while the page has a connection, and what the notebook
 * saved where the thread cannot be read.
 */
import { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import { Message } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';
import type { Page } from '../core/page';
import { ICellOutput, OUTPUT_MIME } from '../core/wire';
import type { Bundle, Write } from './sharing';

export class LobuOutput extends Widget implements IRenderMime.IRenderer {
  constructor(
    private readonly _page: Page,
    private readonly _writer: (node: HTMLElement) => Write | null
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
    if (this._output !== null && this.isAttached) {
      const { state } = this._page.thread(this._output.threadId);
      if (isBehind(this._output, state)) {
        this._keep(this._output, savedBundle(this._output, state));
      }
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

  /** Write what a run came to: each page that shows it does so by itself. */
  private _keep(was: ICellOutput, bundle: Bundle): void {
    const write = this._writer(this.node);
    if (write === null) {
      this._write(bundle);
    } else {
      this._output = bundle[OUTPUT_MIME] as ICellOutput;
      write(was, bundle);
    }
  }

  private _write(bundle: Bundle): void {
    this._output = bundle[OUTPUT_MIME] as ICellOutput;
    const data = { ...this._model?.data, ...bundle } as IRenderMime.IMimeModel['data'];
    this._model?.setData({ data });
  }

  private _model: IRenderMime.IMimeModel | null = null;
  private _output: ICellOutput | null = null;
  /** The thread of a chat widget: all of it is shown, with a box. */
  private _chat: string | null = null;
  private _unmount: (() => void) | null = null;
}
