/** The old and the new text of a cell as one merge view, whose hunks are kept or undone. */
import {
  acceptChunk,
  Chunk,
  getOriginalDoc,
  rejectChunk,
  unifiedMergeView
} from '@codemirror/merge';
import { EditorState, Text } from '@codemirror/state';
import { EditorView } from '@codemirror/view';
import { CodeEditor } from '@jupyterlab/codeeditor';
import { isByHand } from '../../core/hand';
import { ITrans } from '../../core/host';
import { chunkAt, chunksOf, SeenLines } from './seen';

/** JupyterLab's factory takes the extensions of its own editor. */
type Factory = (options: CodeEditor.IOptions) => CodeEditor.IEditor;

export interface IMergeOptions {
  host: HTMLElement;
  before: string;
  after: string;
  mimeType: string;
  factory: Factory;
  trans: ITrans;
  /** Its hunks can be decided one by one. */
  parts: boolean;
  /** May something be kept now? */
  ready: () => boolean;
  /** A hunk was decided. */
  onDecided: () => void;
  /** More of it has been in sight. */
  onSeen: () => void;
}

export class MergeView {
  constructor(private readonly _options: IMergeOptions) {
    const { before, after, host, mimeType, factory, onSeen } = _options;
    this._seen = new SeenLines(onSeen);
    this._model = new CodeEditor.Model({ mimeType });
    this._model.sharedModel.setSource(after);
    const split = _options.parts && chunkCount(before, after) > 1;
    this._editor = factory({
      host,
      model: this._model,
      config: { readOnly: true, lineNumbers: false, lineWrap: true },
      extensions: [
        unifiedMergeView({
          original: before,
          gutter: false,
          mergeControls: split ? (type, act) => this._button(type, act) : false,
          collapseUnchanged: { margin: 3, minSize: 6 },
          diffConfig: { scanLimit: 5000, timeout: 200 }
        }),
        EditorState.readOnly.of(true),
        EditorView.editable.of(false),
        EditorView.contentAttributes.of({ 'aria-label': _options.trans.__('Changes') }),
        this._seen.extension
      ]
    });
    this._view = (this._editor as unknown as { editor: EditorView }).editor;
  }

  /** What the cell would hold now. */
  get result(): string {
    return this._view.state.doc.toString();
  }

  /** It shows exactly the two texts: no hunk is decided. */
  get untouched(): boolean {
    const { before, after } = this._options;
    return this.result === after && getOriginalDoc(this._view.state).toString() === before;
  }

  /** No hunk is left to decide. */
  get settled(): boolean {
    return chunksOf(this._view.state).length === 0;
  }

  get wasSeen(): boolean {
    const { state } = this._view;
    return chunksOf(state).every(chunk => this._seen.has(state, chunk));
  }

  /** Keep, or undo, all hunks that are left. */
  settle(keep: boolean): void {
    for (const chunk of [...chunksOf(this._view.state)].reverse()) {
      (keep ? acceptChunk : rejectChunk)(this._view, chunk.fromB);
    }
  }

  /** Show the first line that has not been in sight. */
  reveal(): void {
    const { state } = this._view;
    const missing = chunksOf(state).map(chunk => this._seen.missing(state, chunk));
    const at = missing.find(one => one !== null) ?? 0;
    this._view.dispatch({ effects: EditorView.scrollIntoView(at, { y: 'start', yMargin: 60 }) });
  }

  dispose(): void {
    this._editor.dispose();
    this._model.dispose();
  }

  private _button(type: 'accept' | 'reject', act: (event: MouseEvent) => void): HTMLElement {
    const { trans } = this._options;
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'lobu-button lobu-hunk';
    button.textContent = type === 'accept' ? trans.__('Keep') : trans.__('Undo');
    button.title = type === 'accept' ? trans.__('Keep this part') : trans.__('Undo this part');
    button.addEventListener('click', event => {
      const chunk = chunkAt(this._view.state, this._view.posAtDOM(button));
      if (chunk === undefined || !isByHand(event) || !this._options.ready()) {
        return;
      }
      if (type === 'accept' && !this._seen.has(this._view.state, chunk)) {
        this.reveal();
        return;
      }
      act(event);
      this._options.onDecided();
    });
    return button;
  }

  private readonly _seen: SeenLines;
  private readonly _model: CodeEditor.Model;
  private readonly _editor: CodeEditor.IEditor;
  private readonly _view: EditorView;
}

function chunkCount(before: string, after: string): number {
  const [a, b] = [before, after].map(text => Text.of(text.split('\n')));
  return Chunk.build(a, b, { scanLimit: 5000, timeout: 200 }).length;
}
