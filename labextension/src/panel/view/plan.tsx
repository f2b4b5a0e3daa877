/** The plan of what is being worked on, in one line that opens. */
import { VNode } from 'preact';
import { object } from '../../core/json';
import { IPlanStep, stepsOf } from '../../core/text/plan';
import { visibleLine } from '../../core/text/visible';
import { Plan } from '../../core/view/plan';
import { IView } from '../../core/view/view';
import { Item } from '../../core/wire';

const OPEN = 'plan head';

export function PlanHead(props: { view: IView }): VNode | null {
  const { view } = props;
  const { opened, state } = view.thread;
  const { trans } = view;
  const steps = planOf(state.items);
  if (steps === null) {
    return null;
  }
  const done = steps.filter(step => step.status === 'completed').length;
  const now = steps.find(step => step.status === 'in_progress');
  const open = opened.get(OPEN) ?? false;
  return (
    <section class="lobu-plan-head" aria-label={trans.__('Plan')}>
      <button
        type="button"
        class="lobu-plan-line"
        aria-expanded={open}
        onClick={() => {
          opened.set(OPEN, !open);
          view.redraw();
        }}
      >
        <strong>{trans.__('Plan')}</strong>
        <span class="lobu-plan-count">{trans.__('%1 of %2 done', done, steps.length)}</span>
        <span class="lobu-plan-now">{now ? visibleLine(now.text) : ''}</span>
      </button>
      <progress aria-label={trans.__('Steps done')} max={steps.length} value={done} />
      {open && <Plan steps={steps} trans={trans} />}
    </section>
  );
}

/** The last plan, unless the person has sent another message since. */
export function planOf(items: Item[]): IPlanStep[] | null {
  for (let at = items.length - 1; at >= 0; at--) {
    const item = items[at];
    if (item.kind === 'message' && item.role === 'user') {
      return null;
    }
    const steps = item.kind === 'activity' ? stepsOf(object(item.content).steps) : null;
    if (steps !== null) {
      return steps;
    }
  }
  return null;
}
