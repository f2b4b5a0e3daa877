/** The card of a question whose call is not in what is shown: a sub-agent's, or one in the inbox. */
import { VNode } from 'preact';
import { visibleLine } from '../text/visible';
import { IInterrupt } from '../wire';
import { Decide } from './decide';
import { Asked } from './shown';
import { asked } from './titles';
import { IView } from './view';

/** `decides`: its thread is here, so that it can be decided. */
export function QuestionCard(props: {
  interrupt: IInterrupt;
  decides: boolean;
  view: IView;
}): VNode {
  const { interrupt, view } = props;
  const title = asked(interrupt, view.host);
  return (
    <section class="lobu-card lobu-is-waiting" aria-label={title}>
      <p
        class="lobu-card-name lobu-card-title"
        title={visibleLine(interrupt.metadata?.lobu?.toolName ?? '')}
      >
        {title}
      </p>
      <div class="lobu-card-body">
        <Asked interrupt={interrupt} view={view} />
      </div>
      {props.decides && <Decide interrupt={interrupt} title={title} view={view} />}
    </section>
  );
}
