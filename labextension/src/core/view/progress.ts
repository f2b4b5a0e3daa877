/** Why a run that is under way says nothing: its worker starts, or its model is asked again in a moment. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { object, text } from '../json';
import { ISlice } from '../run';
import { INamedItem, IRunState } from '../wire';
import { IView, useNow } from './view';

const SILENT_MS = 400;

/** In words; null: it is at work. `left`: how long it waits still, for the eye. */
export function useProgress(
  slice: ISlice,
  run: IRunState | undefined,
  view: IView
): { said: string; left?: string } | null {
  const { trans } = view;
  const retry = retryOf(slice, run);
  const left = useLeft(retry);
  const starting = useStarting(slice, run, view);
  if (retry !== null) {
    const words: { [reason: string]: string } = {
      rate_limit: trans.__('Rate limited, trying again'),
      connection: trans.__('No connection to the model, trying again')
    };
    return {
      said:
        words[text(object(retry.value).reason)] ??
        trans.__('The model is not available, trying again'),
      left: left > 0 ? trans.__(' in %1 s', left) : '…'
    };
  }
  return starting ? { said: trans.__('Starting the agent…') } : null;
}

/** The wait that the run is in: the last that it told. */
function retryOf(slice: ISlice, run: IRunState | undefined): INamedItem | null {
  const last = slice.items[slice.items.length - 1];
  const waits = last?.kind === 'notice' && last.name === 'lobu.retry' && last.runId === run?.runId;
  return waits && run?.status === 'running' ? last : null;
}

/** Whole seconds left, by this page's clock from when it heard of the wait. */
function useLeft(retry: INamedItem | null): number {
  const heard = useRef<{ of: INamedItem | null; at: number }>({ of: null, at: 0 });
  const now = useNow(retry !== null);
  if (heard.current.of !== retry) {
    heard.current = { of: retry, at: Date.now() };
  }
  const seconds = Number(object(retry?.value ?? null).seconds) || 0;
  return Math.max(0, Math.ceil(seconds - Math.max(0, now - heard.current.at) / 1000));
}

/** No worker is there yet for a run that has begun. */
function useStarting(slice: ISlice, run: IRunState | undefined, view: IView): boolean {
  const { api, clock } = view.page;
  const runId = run?.status === 'running' ? run.runId : null;
  const silent =
    runId !== null &&
    !slice.items.some(
      item => item.runId === runId && !(item.kind === 'message' && item.role === 'user')
    );
  const [starting, setStarting] = useState(false);
  useEffect(() => {
    let wanted = silent;
    const ask = (): void => {
      api.get<{ workers?: number }>('health').then(
        ({ workers }) => wanted && setStarting(workers === 0),
        () => undefined // the line about the connection says what is wrong
      );
    };
    const cancel = silent ? clock.after(SILENT_MS, ask) : undefined;
    return () => {
      wanted = false;
      cancel?.();
      setStarting(false);
    };
  }, [api, clock, silent, runId]);
  return silent && starting;
}
