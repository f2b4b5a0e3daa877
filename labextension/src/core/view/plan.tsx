/** A plan as a checklist. */
import { VNode } from 'preact';
import { ITrans } from '../host';
import { IPlanStep } from '../text/plan';
import { visible } from '../text/visible';

export function Plan(props: { steps: IPlanStep[]; trans: ITrans }): VNode {
  return (
    <ul class="lobu-plan" aria-label={props.trans.__('Plan')}>
      {props.steps.map((step, i) => (
        <li key={i} class={`lobu-plan-${step.status}`}>
          {visible(step.text)}
        </li>
      ))}
    </ul>
  );
}
