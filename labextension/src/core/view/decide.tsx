/**
 * The decision controls of one question.
 *
 * Alone, a decision is sent when it is made; several are gathered as drafts and sent once, by the
 * bar under them. Keys on the card: a, r, e, Enter, Escape.
 */
import { VNode } from 'preact';
import { useRef } from 'preact/hooks';
import { isQuestion } from '../decide';
import { visible } from '../text/visible';
import { IInterrupt } from '../wire';
import { Buttons } from './buttons';
import { Controls, isDecidable } from './controls';
import { Form } from './form';
import { ONLY_BY_HAND } from './onlybyhand';
import { IView } from './view';
import { Warnings } from './warnings';
import { useSight } from './watching';

/** `title`: what the card says above it already. */
export function Decide(props: {
  interrupt: IInterrupt;
  title?: string;
  view: IView;
}): VNode | null {
  const { interrupt, view } = props;
  const { thread, trans } = view;
  const chosenHere = useRef(false);
  const decidable = isDecidable(interrupt, view);
  const seen = useSight(interrupt, view, decidable);
  if (!decidable) {
    return interrupt.message ? <p class="lobu-note">{visible(interrupt.message)}</p> : null;
  }
  const controls = new Controls(interrupt, view, chosenHere, seen);
  const busy = thread.sending || thread.isSent(interrupt.id);
  const early = seen.early && controls.draft === undefined;
  return (
    <div
      class="lobu-decide"
      role="group"
      aria-label={trans.__('Your decision')}
      aria-busy={early}
      tabIndex={0}
      data-lm-suppress-shortcuts="true"
      ref={element => controls.bind(element)}
      {...ONLY_BY_HAND}
      onKeyDown={event => controls.key(event)}
    >
      <Warnings
        interrupt={interrupt}
        title={props.title ?? ''}
        edit={draft => controls.choose(draft)}
        view={view}
      />
      <fieldset class="lobu-decide-controls" disabled={busy || early}>
        {controls.draft === undefined && !isQuestion(interrupt) ? (
          <Buttons controls={controls} view={view} />
        ) : (
          <Form controls={controls} view={view} />
        )}
      </fieldset>
    </div>
  );
}
