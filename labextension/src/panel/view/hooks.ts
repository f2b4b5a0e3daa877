/** How the panel's components hear of changes. */
import { useEffect, useReducer } from 'preact/hooks';
import { Changes } from '../model/changes';

/** Draw again after each change of any of these. */
export function useChanges(...sources: Changes[]): void {
  const [, redraw] = useReducer((n: number) => n + 1, 0);
  useEffect(() => {
    const ends = sources.map(source => source.watch(() => redraw(null)));
    redraw(null);
    return () => ends.forEach(end => end());
  }, sources);
}
