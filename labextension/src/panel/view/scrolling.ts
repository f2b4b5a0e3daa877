/** Scrolling through a transcript of any length: only a window of it is drawn, and nothing jumps. */
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { Thread } from '../../core/thread';
import { beginOfRow, never, stretches } from '../../core/view/steps';
import { PanelModel } from '../model/panel';
import { atEnd, earlier, IWindow, kept, later } from '../model/window';

const NEAR = 600; // px from an edge at which more is drawn
const AT_END = 40; // px

export interface IScrolling {
  root: { current: HTMLDivElement | null };
  shown: IWindow;
  /** The person looks at the end, and what comes is followed. */
  end: boolean;
  toEnd: () => void;
}

export function useScrolling(thread: Thread, model: PanelModel): IScrolling {
  const { threadId, state } = thread;
  const count = state.items.length;
  const place = model.places.get(threadId);
  const root = useRef<HTMLDivElement>(null);
  const anchor = useRef<{ element: Element; top: number } | null>(null);
  const restored = useRef(false);
  const [window, setWindow] = useState<IWindow | null>(place ?? null);
  const [end, setEnd] = useState(place?.end ?? true);
  const wanted = window ?? atEnd(count);
  const lines = stretches(state.items.slice(wanted.from), never).length; // a row of calls is one line
  const shown = end ? kept(wanted, count, lines) : wanted;

  // A scroll event may come before the effects of the last drawing: it looks here.
  const now = useRef({ shown, count, end });
  now.current = { shown, count, end };
  const lastTop = useRef(0);
  const owed = useRef<number | null>(null); // px: a place for which the transcript is not tall enough yet

  const move = (next: IWindow): void => {
    const element = root.current;
    const edge = element?.getBoundingClientRect().top ?? 0;
    const entries = [...(element?.querySelectorAll('.lobu-entry') ?? [])];
    const first = entries.find(entry => entry.getBoundingClientRect().bottom > edge);
    anchor.current = first ? { element: first, top: first.getBoundingClientRect().top } : null;
    setWindow(next);
  };
  useEffect(() => {
    const element = root.current;
    if (element === null) {
      return undefined;
    }
    const onScroll = (): void => {
      const { shown, count, end } = now.current;
      const { scrollHeight, scrollTop, clientHeight } = element;
      if (clientHeight === 0 || !restored.current) {
        return;
      }
      const below = scrollHeight - scrollTop - clientHeight;
      // What grows below the end was not left by the person: only who scrolls up leaves it.
      const left = scrollTop < lastTop.current - 1;
      if (Math.abs(scrollTop - lastTop.current) > 1) {
        owed.current = null; // the person scrolls
      }
      const isEnd = shown.to === null && (below < AT_END || (end && !left));
      lastTop.current = scrollTop;
      setEnd(isEnd);
      model.places.set(threadId, { ...shown, top: scrollTop, end: isEnd });
      if (scrollTop < NEAR && shown.from > 0 && !isEnd) {
        move(earlier(shown, count));
      } else if (below < NEAR && shown.to !== null) {
        move(later(shown, count));
      }
    };
    element.addEventListener('scroll', onScroll, { passive: true });
    return () => element.removeEventListener('scroll', onScroll);
  }, [threadId]);
  useLayoutEffect(() => {
    const element = root.current;
    if (element === null || (thread.presence !== 'ready' && !restored.current)) {
      return;
    }
    const below = element.scrollHeight - element.scrollTop - element.clientHeight;
    if (end && below >= AT_END && element.scrollTop < lastTop.current - 1) {
      return; // the person has just scrolled up: the event that says so is on its way
    }
    if (anchor.current?.element.isConnected) {
      element.scrollTop += anchor.current.element.getBoundingClientRect().top - anchor.current.top;
    } else if (end) {
      element.scrollTop = element.scrollHeight;
    } else if (!restored.current) {
      const top = place?.top ?? 0;
      element.scrollTop = top;
      owed.current = element.scrollTop < top - 1 ? top : null;
    }
    anchor.current = null;
    restored.current = true;
    lastTop.current = element.scrollTop;
    const { clientHeight, scrollHeight } = element;
    if (shown.from > 0 && clientHeight > 0 && scrollHeight < clientHeight + NEAR) {
      // Rows of calls are one line each: this window does not fill the view, and could not be scrolled.
      setWindow(earlier({ ...shown, from: beginOfRow(state.items, shown.from) }, count));
    }
  });
  useEffect(() => {
    const transcript = root.current?.firstElementChild;
    if (!transcript || typeof ResizeObserver === 'undefined') {
      return undefined;
    }
    const observer = new ResizeObserver(() => {
      const element = root.current;
      if (element === null) {
        return;
      }
      if (now.current.end) {
        element.scrollTop = element.scrollHeight; // a figure or math came late
      } else if (owed.current !== null) {
        element.scrollTop = owed.current;
        lastTop.current = element.scrollTop;
        owed.current = element.scrollTop < owed.current - 1 ? owed.current : null;
      }
    });
    observer.observe(transcript);
    return () => observer.disconnect();
  }, [threadId, thread.presence]);
  const toEnd = (): void => {
    anchor.current = null;
    setWindow(atEnd(count));
    setEnd(true);
  };
  return { root, shown, end, toEnd };
}
