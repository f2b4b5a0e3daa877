/** The options of an outside agent's session: its model, effort and mode, each set by a message to it. */
import { VNode } from 'preact';
import { choosing, optionsOfAgent } from '../agentoptions';
import { ITrans } from '../host';
import { visibleLine } from '../text/visible';
import { Thread } from '../thread';

export function AgentOptions(props: {
  thread: Thread;
  agent: string;
  trans: ITrans;
}): VNode | null {
  const { thread, agent, trans } = props;
  const options = agent ? optionsOfAgent(thread.state, agent) : [];
  if (options.length === 0) {
    return null;
  }
  return (
    <div class="lobu-agents">
      {options.map(option => (
        <select
          key={option.id}
          class="lobu-agents-picker"
          aria-label={trans.__('%1 of %2', visibleLine(option.name), visibleLine(agent))}
          value={option.current}
          disabled={thread.sending}
          onChange={event => {
            const prompt = choosing(option, event.currentTarget.value);
            event.currentTarget.value = option.current; // until the agent says that it took it
            void thread.start({ prompt, agent, ifRunning: 'queue' });
          }}
        >
          {option.values.map(({ value, name }) => (
            <option key={value} value={value}>
              {visibleLine(name)}
            </option>
          ))}
        </select>
      ))}
    </div>
  );
}
