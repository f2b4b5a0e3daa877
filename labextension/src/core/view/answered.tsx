/** Under an answer: the model that gave it, its tokens and its price. */
import { VNode } from 'preact';
import { ITrans } from '../host';
import { ISlice } from '../run';
import { chainOf, dollars, IUsed, short, usedBy } from '../usage';
import { visible } from '../text/visible';
import { IRunState, Item } from '../wire';
import { IView } from './view';

/** By last item: the run that ended with it, and did not stop for a question. */
export function answersOf(slice: ISlice): Map<Item, IRunState> {
  const last = new Map(slice.items.map(item => [item.runId, item]));
  const ended = slice.runs.filter(run => run.status !== 'running' && run.status !== 'interrupted');
  return new Map(
    ended.flatMap((run): [Item, IRunState][] => {
      const item = last.get(run.runId);
      return item === undefined ? [] : [[item, run]];
    })
  );
}

export function Answered(props: {
  run: IRunState | undefined;
  slice: ISlice;
  view: IView;
}): VNode | null {
  const { run, slice, view } = props;
  if (run === undefined) {
    return null;
  }
  const used = usedBy(chainOf(run, slice.runs));
  if (used.input + used.output === 0) {
    return null;
  }
  const { trans } = view;
  const models = used.models.map(visible).join(', ');
  const whole = view.saved
    ? ''
    : `\n${trans.__('This chat: %1', counts(usedBy(view.thread.state.runs), trans))}`;
  return (
    <p class="lobu-answered" title={`${trans.__('This answer: %1', counts(used, trans))}${whole}`}>
      {[models, counts(used, trans)].filter(Boolean).join(' · ')}
    </p>
  );
}

/** `1.2k in · 350 out · $0.0042`. */
export function counts(used: IUsed, trans: ITrans): string {
  return `${trans.__('%1 in · %2 out', short(used.input), short(used.output))} · ${priceWords(used, trans)}`;
}

function priceWords(used: IUsed, trans: ITrans): string {
  if (used.priced) {
    return dollars(used.dollars);
  }
  return used.dollars > 0
    ? trans.__('at least %1', dollars(used.dollars))
    : trans.__('price not known');
}
