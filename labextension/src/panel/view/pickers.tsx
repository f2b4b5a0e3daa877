/** Who answers the next message, with which model, and how freely; and which notebook it is about. */
import { VNode } from 'preact';
import { useEffect } from 'preact/hooks';
import { WorkIn } from '../model/content';
import { PanelModel } from '../model/panel';
import { Icon } from './icons';
import { ModelChip } from './models';

export function Pickers(props: { model: PanelModel }): VNode {
  const { model } = props;
  const { agents, choice } = model;
  const { trans } = model.page.host;
  useEffect(() => {
    if (agents.length === 0) {
      void model.loadAgents();
    }
  }, [model.list.threads]);
  const agent = agents.find(one => one.name === choice.agent);
  return (
    <>
      <ModelChip model={model} />
      <Picker
        label={trans.__('Mode')}
        value={choice.mode}
        options={[
          ['', trans.__('Default')],
          ['ask', trans.__('Ask first')],
          ['allow', trans.__('Run automatically')],
          ['deny', trans.__('Read-only')],
          ['plan', trans.__('Plan first')]
        ]}
        onChange={mode => model.choose({ mode })}
      />
      {model.about !== null && (
        <Picker
          wide
          label={trans.__('Where the agent shows the code that it runs')}
          value={model.workIn}
          options={[
            ['cells', trans.__('Work in: notebook cells')],
            ['chat', trans.__('Work in: chat')]
          ]}
          onChange={place => model.choose({ workIn: place as WorkIn })}
        />
      )}
      {agent?.hint && agent.state !== undefined && agent.state !== 'ready' && (
        <p class="lobu-agent-hint">{agent.hint}</p>
      )}
    </>
  );
}

type Option = readonly [value: string, words: string, off?: boolean];

function Picker(props: {
  label: string;
  value: string;
  options: readonly Option[];
  onChange: (value: string) => void;
  wide?: boolean;
}): VNode {
  return (
    <select
      class={props.wide ? 'lobu-picker lobu-picker-wide' : 'lobu-picker'}
      aria-label={props.label}
      title={props.label}
      value={props.value}
      onChange={event => props.onChange(event.currentTarget.value)}
    >
      {props.options.map(([value, words]) => (
        <option key={value} value={value} selected={value === props.value}>
          {words}
        </option>
      ))}
    </select>
  );
}

/** The notebook that the message is about; pressed while it is. */
export function NotebookChip(props: { model: PanelModel }): VNode | null {
  const { model } = props;
  const { notebook } = model;
  const { trans } = model.page.host;
  if (notebook === null) {
    return null;
  }
  const about = model.about !== null;
  return (
    <button
      type="button"
      class="lobu-chip"
      aria-pressed={about}
      title={
        about
          ? trans.__('Uses %1 and its kernel. Click to leave it out.', notebook.path)
          : trans.__('Does not use %1. Click to use it.', notebook.path)
      }
      onClick={() => void model.bind(!about)}
    >
      <Icon name="notebook" />
      <span class="lobu-chip-text">{notebook.name}</span>
    </button>
  );
}
