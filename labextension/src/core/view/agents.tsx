/** Which agent the next message goes to; those that are not ready say so. */
import { VNode } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { IAgent } from '../wire';
import { IView } from './view';

export function AgentPicker(props: { view: IView }): VNode | null {
  const { page, thread, trans, redraw } = props.view;
  const [agents, setAgents] = useState<IAgent[]>([]);
  const load = (): void => {
    page.api.agents().then(setAgents, () => undefined); // without the list the default agent is asked
  };
  useEffect(load, [page]);
  if (agents.length === 0) {
    return null;
  }
  const chosen = agents.find(agent => agent.name === thread.agent);
  const states: { [state: string]: string } = {
    'not installed': trans.__('not installed'),
    'needs login': trans.__('needs login')
  };
  return (
    <div class="lobu-agents">
      <select
        class="lobu-agents-picker"
        aria-label={trans.__('Agent')}
        value={thread.agent}
        onFocus={load}
        onChange={event => {
          thread.agent = event.currentTarget.value;
          redraw();
        }}
      >
        <option value="">{trans.__('Auto')}</option>
        {agents.map(({ name, state }) => (
          <option key={name} value={name}>
            {state && state !== 'ready' ? `${name} (${states[state] ?? state})` : name}
          </option>
        ))}
      </select>
      {chosen?.hint && chosen.state !== 'ready' && <span class="lobu-notice">{chosen.hint}</span>}
    </div>
  );
}
