/** Watch which lines of a waiting card have been in sight. */
import { useEffect, useReducer, useRef } from 'preact/hooks';
import { IInterrupt } from '../wire';
import { IView } from './view';

/** The parts that must have been in sight: the heads, each line, the end of each text, and the controls. */
const PARTS =
  '.lobu-card-head, .lobu-card-title, .lobu-line, .lobu-diff > div, .lobu-args > div, .lobu-end, .lobu-decide-controls';

export interface ISeen {
  /** The `.lobu-decide` of the card. */
  element: { current: HTMLDivElement | null };
  /** Its first part that has not been in sight. */
  unseen: () => Element | undefined;
  /** It has just come, or moved: it takes no decision yet. */
  early: boolean;
}

/** Follow the card that holds `element`, anew for each question. */
export function useSight(interrupt: IInterrupt, view: IView, active: boolean): ISeen {
  const { sight } = view.page;
  const element = useRef<HTMLDivElement>(null);
  const seen = useRef(new WeakSet<Element>());
  const observer = useRef<IntersectionObserver | null>(null);
  const drawn = useRef<IInterrupt | null>(null);
  if (active && drawn.current !== interrupt) {
    drawn.current = interrupt;
    seen.current = new WeakSet();
    sight.drawn(interrupt);
  }
  const parts = (): Element[] => [
    ...(element.current?.closest('.lobu-card')?.querySelectorAll(PARTS) ?? [])
  ];
  const unseen = (): Element | undefined => parts().find(part => !seen.current.has(part));
  useEffect(() => {
    if (!active || typeof IntersectionObserver === 'undefined') {
      return undefined; // what nothing watches was not seen
    }
    observer.current = new IntersectionObserver(entries => {
      entries.filter(one => one.isIntersecting).forEach(one => seen.current.add(one.target));
      if (drawn.current !== null && unseen() === undefined) {
        sight.saw(drawn.current);
      }
    });
    return () => observer.current?.disconnect();
  }, [interrupt, active]);
  useEffect(() => {
    if (active && !sight.hasSeen(interrupt)) {
      parts()
        .filter(part => !seen.current.has(part))
        .forEach(part => observer.current?.observe(part));
    }
  });
  return { element, unseen, early: useEarly(interrupt, view, active) };
}

/** True until the question takes decisions; then it is drawn again. */
function useEarly(interrupt: IInterrupt, view: IView, active: boolean): boolean {
  const { sight } = view.page;
  const [, redraw] = useReducer((n: number) => n + 1, 0);
  useEffect(() => (active ? sight.watch(() => redraw(null)) : undefined), [sight, active]);
  const wait = active ? sight.wait(interrupt) : 0;
  useEffect(() => (wait > 0 ? sight.clock.after(wait, () => redraw(null)) : undefined));
  return wait > 0;
}
