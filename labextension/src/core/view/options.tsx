/**
 * The answers of an outside agent, as it names them: what it would remember stands apart, and says so.
 */
import { VNode } from 'preact';
import { optionsOf } from '../decide';
import { visible } from '../text/visible';
import { IOption } from '../wire';
import { grantActions, More } from './buttons';
import { Controls } from './controls';
import { IView } from './view';

/** One button per answer, in the agent's order. */
export function Options(props: { controls: Controls; view: IView }): VNode {
  const { controls, view } = props;
  const options = optionsOf(controls.interrupt).filter(
    option => option.kind.startsWith('reject') || controls.offers('approve')
  );
  return (
    <More actions={grantActions(controls, view.trans)} trans={view.trans} class="lobu-options">
      {[
        ...options.map(option => (
          <Option key={option.id} option={option} controls={controls} view={view} />
        )),
        !options.some(option => option.kind.startsWith('reject')) && (
          <button key="reject" class="lobu-button" onClick={() => controls.reject()}>
            {view.trans.__('Reject')}
          </button>
        )
      ]}
    </More>
  );
}

function Option(props: { option: IOption; controls: Controls; view: IView }): VNode {
  const { option, controls, view } = props;
  const { trans } = view;
  const always = option.kind.endsWith('always');
  const yes = option.kind.startsWith('allow');
  const look = always ? 'lobu-quiet' : yes && option.plain ? 'lobu-primary' : '';
  return (
    <button
      class={`lobu-button ${look}`}
      title={always ? trans.__('The agent remembers this answer and does not ask again.') : ''}
      onClick={() => controls.option(option)}
    >
      {visible(option.name)}
      {always && <small> {trans.__('(remembered by the agent)')}</small>}
    </button>
  );
}
