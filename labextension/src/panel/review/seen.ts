/** Which changed lines of a merge view have been in sight, each to its end. */
import { Chunk, getChunks, getOriginalDoc, updateOriginalDoc } from '@codemirror/merge';
import { EditorState, Extension, Text, Transaction } from '@codemirror/state';
import { EditorView, ViewPlugin } from '@codemirror/view';

const STEPS = Array.from({ length: 21 }, (_, i) => i / 20);

/** Lines by where they begin, in the old and in the new text; the editor draws those around the screen only. */
export class SeenLines {
  constructor(private readonly _onSeen: () => void) {}

  /** To be given to the editor. */
  readonly extension: Extension = ViewPlugin.define(view => {
    const observer = this._observer(view);
    const observe = (): void => drawnLines(view).forEach(line => observer?.observe(line));
    view.requestMeasure({ read: observe });
    return {
      update: update => {
        update.transactions.forEach(one => this._move(one));
        view.requestMeasure({ read: observe });
      },
      destroy: () => observer?.disconnect()
    };
  });

  /** Has the whole hunk been in sight? */
  has(state: EditorState, chunk: Chunk): boolean {
    return this.missing(state, chunk) === null;
  }

  /** Where the first line of the hunk is that has not been in sight. */
  missing(state: EditorState, chunk: Chunk): number | null {
    const old = starts(getOriginalDoc(state), chunk.fromA, chunk.toA, chunk.endA);
    return old.every(at => this._old.has(at))
      ? (starts(state.doc, chunk.fromB, chunk.toB, chunk.endB).find(at => !this._new.has(at)) ??
          null)
      : chunk.fromB;
  }

  private _observer(view: EditorView): IntersectionObserver | null {
    if (typeof IntersectionObserver === 'undefined') {
      return null; // what nothing watches was not seen
    }
    return new IntersectionObserver(
      entries => {
        const ends = entries.filter(
          ({ isIntersecting, intersectionRect, boundingClientRect }) =>
            isIntersecting && intersectionRect.bottom >= boundingClientRect.bottom - 1
        );
        ends.forEach(({ target }) => this._note(view, target));
        if (ends.length > 0) {
          this._onSeen();
        }
      },
      { threshold: STEPS }
    );
  }

  private _note(view: EditorView, line: Element): void {
    if (!view.dom.contains(line)) {
      return;
    }
    const deleted = line.closest('.cm-deletedChunk');
    if (deleted === null) {
      this._new.add(view.state.doc.lineAt(view.posAtDOM(line)).from);
      return;
    }
    const chunk = chunkAt(view.state, view.posAtDOM(deleted));
    const index = [...deleted.querySelectorAll('.cm-deletedLine')].indexOf(line);
    if (chunk !== undefined) {
      const old = getOriginalDoc(view.state);
      this._old.add(old.line(old.lineAt(chunk.fromA).number + index).from);
    }
  }

  /** A decided hunk has moved the others. */
  private _move(transaction: Transaction): void {
    const old = transaction.effects.find(effect => effect.is(updateOriginalDoc));
    this._new = new Set([...this._new].map(at => transaction.changes.mapPos(at, 1)));
    if (old !== undefined) {
      this._old = new Set([...this._old].map(at => old.value.changes.mapPos(at, 1)));
    }
  }

  private _old = new Set<number>();
  private _new = new Set<number>();
}

/** The hunk at a position of the new text. */
export function chunkAt(state: EditorState, at: number): Chunk | undefined {
  return chunksOf(state).find(chunk => chunk.fromB <= at && chunk.endB >= at);
}

/** The hunks that are not decided. */
export function chunksOf(state: EditorState): readonly Chunk[] {
  return getChunks(state)?.chunks ?? [];
}

function drawnLines(view: EditorView): Element[] {
  return [...view.contentDOM.querySelectorAll('.cm-line, .cm-deletedLine')];
}

/** Where the lines of a side of a hunk begin; it has none where `from` is `to`, or the whole text is empty. */
function starts(doc: Text, from: number, to: number, end: number): number[] {
  if (from === to || doc.length === 0) {
    return [];
  }
  const [first, last] = [doc.lineAt(from).number, doc.lineAt(end).number];
  return Array.from({ length: last - first + 1 }, (_, i) => doc.line(first + i).from);
}
