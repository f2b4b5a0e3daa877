/** What a person should know before the decision. */
import { VNode } from 'preact';
import { Draft, isQuestion } from '../decide';
import { ITrans } from '../host';
import { visible } from '../text/visible';
import { IInterrupt } from '../wire';
import { KernelLine } from './kernel';
import { listed } from './listed';
import { Unshown } from './shown';
import { IView, useNow } from './view';

export function Warnings(props: {
  interrupt: IInterrupt;
  title: string;
  /** Begin an edit; not where only the cell is edited. */
  edit?: (draft: Draft) => void;
  view: IView;
}): VNode {
  const { interrupt, view } = props;
  const { trans } = view;
  const { message } = interrupt;
  const lobu = interrupt.metadata?.lobu;
  return (
    <>
      {message && message !== props.title && !isQuestion(interrupt) && (
        <p class="lobu-decide-message">{visible(message)}</p>
      )}
      {interrupt.id === view.thread.state.interrupts[0]?.id && (
        <KernelLine interrupt={interrupt} edit={props.edit} view={view} />
      )}
      <Unshown interrupt={interrupt} view={view} />
      {lobu?.agentMode && (
        <p class="lobu-note">{trans.__('The agent’s mode: %1', visible(lobu.agentMode))}</p>
      )}
      {lobu?.byAgent && (
        <p class="lobu-warning">
          {trans.__(
            'Registered by agent code. It can do anything that code in this kernel can do.'
          )}
        </p>
      )}
      <Risks interrupt={interrupt} view={view} />
      {interrupt.expiresAt && <Expiry at={interrupt.expiresAt} view={view} />}
    </>
  );
}

/** What is risky about the code, as far as its syntax shows. */
function Risks(props: { interrupt: IInterrupt; view: IView }): VNode | null {
  const { trans } = props.view;
  const words: { [risk: string]: string } = {
    deletes: trans.__('deletes files'),
    shell: trans.__('runs shell commands'),
    network: trans.__('uses the network'),
    installs: trans.__('installs packages'),
    scripts: trans.__('shows HTML or JavaScript that can act in this page'),
    unseen: trans.__('could not be checked')
  };
  const risks = props.interrupt.metadata?.lobu?.risks ?? [];
  return risks.length === 0 ? null : (
    <p
      class="lobu-risks"
      title={trans.__('Found in the syntax of the code. It may do more, or less.')}
    >
      {trans.__(
        'This code %1',
        listed(
          risks.map(risk => words[risk] ?? risk),
          trans
        )
      )}
    </p>
  );
}

function Expiry(props: { at: string; view: IView }): VNode {
  const left = Date.parse(props.at) - useNow(true);
  const { trans } = props.view;
  return (
    <p class="lobu-decide-expiry" title={new Date(props.at).toLocaleString()}>
      {left <= 0 ? trans.__('Expired') : trans.__('Expires in %1', span(left, trans))}
    </p>
  );
}

/** `7 days`, `3 hours`, `1 minute`. */
function span(ms: number, trans: ITrans): string {
  const minutes = Math.ceil(ms / 60_000);
  const [hours, days] = [Math.round(minutes / 60), Math.round(minutes / 1440)];
  if (minutes <= 90) {
    return minutes === 1 ? trans.__('1 minute') : trans.__('%1 minutes', minutes);
  }
  return hours < 48 ? trans.__('%1 hours', hours) : trans.__('%1 days', days);
}
