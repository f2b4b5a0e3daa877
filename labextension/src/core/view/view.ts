/** What every component of a view knows, and how it hears of changes. */
import { ComponentChild } from 'preact';
import { useEffect, useLayoutEffect, useReducer, useState } from 'preact/hooks';
import { IHost, ITrans } from '../host';
import { Page } from '../page';
import { Thread } from '../thread';
import { IMessageItem } from '../wire';

export interface IView {
  page: Page;
  thread: Thread;
  /** The run that is shown, or null: all of the thread. */
  runId: string | null;
  /** What is shown is a saved copy: text of unknown origin, without controls. */
  saved?: boolean;
  host: IHost;
  trans: ITrans;
  /** Draw again: something that only views know has changed. */
  redraw: () => void;
  /** Runs that were started from this view and are shown below that run. */
  also?: string[];
  /** The notebook that the thread is about. */
  notebook?: string | null;
  /** What stands under a message, beside what is said. */
  extras?: (item: IMessageItem) => ComponentChild;
  /** The run was started again as another. */
  onRetry?: (runId: string) => void;
  /** A run was started that belongs below the one shown. */
  onMore?: (runId: string) => void;
}

/** Draw again whenever the thread or the connection changes, at most once a frame. */
export function useThread(thread: Thread): () => void {
  const [, redraw] = useReducer((n: number) => n + 1, 0);
  useEffect(() => {
    let frame = 0;
    const detach = thread.attach(() => {
      frame ||= nextFrame(() => {
        frame = 0;
        redraw(null);
      });
    });
    redraw(null);
    return () => {
      cancelFrame(frame);
      detach();
    };
  }, [thread]);
  return () => thread.changed();
}

const FIRST_ITEMS = 60; // more than fits on a screen
const MORE_ITEMS = 60;

/** How many of `total` items are drawn: of a long thread a part with each frame, its first screen at once. */
export function useGrowing(total: number): number {
  const [drawn, setDrawn] = useState(FIRST_ITEMS);
  useLayoutEffect(() => {
    const frame = drawn < total ? nextFrame(() => setDrawn(drawn + MORE_ITEMS)) : 0;
    return () => cancelFrame(frame);
  }, [drawn, drawn < total]);
  return Math.min(drawn, total);
}

/** Unix ms, drawn anew each second while `ticking`. */
export function useNow(ticking: boolean): number {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    if (!ticking) {
      return undefined;
    }
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [ticking]);
  return now;
}

/** A hidden page draws no frames, but its state must still be true when it is shown. */
function nextFrame(draw: () => void): number {
  return document.hidden ? -Number(setTimeout(draw, 250)) : requestAnimationFrame(draw);
}

function cancelFrame(frame: number): void {
  if (frame < 0) {
    clearTimeout(-frame);
  } else {
    cancelAnimationFrame(frame);
  }
}

/** Is the page connected? Drawn again when that changes. */
export function useLive(page: Page): boolean {
  const { socket } = page;
  const [live, setLive] = useState(socket.connection.state === 'live');
  useEffect(() => {
    const look = (): void => setLive(socket.connection.state === 'live');
    look();
    return socket.watch(look);
  }, [socket]);
  return live;
}

/** `3.2 s`, `4 min 10 s`; nothing below a second. */
export function duration(ms: number): string {
  if (ms < 1000) {
    return '';
  }
  if (ms < 60_000) {
    return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
  }
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
}
