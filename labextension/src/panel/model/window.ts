/**
 * Which part of a long transcript is drawn: a window that moves in steps as the person scrolls.
 *
 * `to` null: to the end, whatever comes.
 */
export interface IWindow {
  from: number;
  to: number | null;
}

/** Where a transcript was left. `end`: it follows what comes. */
export interface IPlace extends IWindow {
  top: number;
  end: boolean;
}

export const STEP = 60;
const MOST = 4 * STEP;

/** The end of a transcript of `count` items. */
export function atEnd(count: number): IWindow {
  return { from: Math.max(0, count - STEP), to: null };
}

export function earlier(shown: IWindow, count: number): IWindow {
  const from = Math.max(0, shown.from - STEP);
  const to = Math.min(shown.to ?? count, from + MOST);
  return { from, to: to >= count ? null : to };
}

export function later(shown: IWindow, count: number): IWindow {
  const to = Math.min(count, (shown.to ?? count) + STEP);
  return { from: Math.max(shown.from, to - MOST), to: to >= count ? null : to };
}

/** A window that follows the end forgets what has long scrolled out of it. `lines`: how much of it is drawn. */
export function kept(shown: IWindow, count: number, lines = count - shown.from): IWindow {
  return shown.to === null && lines > MOST ? atEnd(count) : shown;
}
