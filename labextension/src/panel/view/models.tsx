/** Under the message: which model or agent answers it, in a menu with what each of them takes. */
import { ComponentType, VNode } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { ITrans } from '../../core/host';
import { visible } from '../../core/text/visible';
import { IAgent } from '../../core/wire';
import { IProvider, ISettings, short, usualAgent } from '../model/models';
import { PanelModel } from '../model/panel';
import { Icon } from './icons';

const ASSISTANT = 'assistant'; // it is asked by the names of its models

export function ModelChip(props: { model: PanelModel }): VNode | null {
  const { model } = props;
  const { agents, models } = model;
  const { trans } = model.page.host;
  const root = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (models.known === null) {
      models.load().catch(() => undefined); // the server knows no models: agents can be chosen all the same
    }
  }, [agents]);
  useEffect(() => {
    if (!models.open) {
      return undefined;
    }
    root.current?.querySelector<HTMLElement>('[aria-pressed=true]')?.focus();
    const outside = (event: Event): void => {
      if (!root.current?.contains(event.target as Node)) {
        models.show(false);
      }
    };
    document.addEventListener('pointerdown', outside);
    return () => document.removeEventListener('pointerdown', outside);
  }, [models.open]);
  if (agents.length === 0 && models.known === null) {
    return null;
  }
  return (
    <div
      class="lobu-models"
      ref={root}
      onKeyDown={event => {
        if (event.key === 'Escape' && models.open) {
          event.stopPropagation();
          models.show(false);
          root.current?.querySelector<HTMLElement>('.lobu-model-chip')?.focus();
        }
      }}
    >
      <button
        type="button"
        class="lobu-chip lobu-model-chip"
        aria-haspopup="dialog"
        aria-expanded={models.open}
        title={trans.__('Model and agent of the next message')}
        onClick={() => {
          models.show(!models.open);
          void model.attempt(() => Promise.all([model.loadAgents(), models.load()]));
        }}
      >
        <span class="lobu-chip-text">{chosenWords(model)}</span>
        <Icon name="down" />
      </button>
      {models.open && <Menu model={model} />}
    </div>
  );
}

/** `Auto (Demo)`, a model's name, or an agent's. */
function chosenWords(model: PanelModel): string {
  const { agents, choice, models } = model;
  const { trans } = model.page.host;
  if (choice.agent && choice.agent !== ASSISTANT) {
    return visible(choice.agent);
  }
  return choice.model
    ? visible(short(choice.model))
    : autoWords(agents, models.known?.default, trans);
}

function autoWords(agents: IAgent[], model: string | null | undefined, trans: ITrans): string {
  const usual = usualAgent(agents);
  if (usual === undefined) {
    return trans.__('Auto');
  }
  if (usual.name === ASSISTANT) {
    const own = model ?? usual.model;
    return own ? visible(short(own)) : trans.__('Auto');
  }
  return trans.__('Auto (%1)', usual.name === 'demo' ? trans.__('Demo') : visible(usual.name));
}

function Menu(props: { model: PanelModel }): VNode {
  const { model } = props;
  const { agents, choice, models } = model;
  const { trans } = model.page.host;
  const { known, ready } = models;
  const others = agents.filter(one => one.name !== ASSISTANT);
  const lacking = (known?.providers ?? []).filter(one => one.state !== 'ready');
  const choose = (agent: string, name: string): void => {
    const kept = name && name === choice.model ? choice.settings : undefined;
    model.choose({ agent, model: name, settings: kept ?? {} });
  };
  return (
    <div class="lobu-model-menu" role="dialog" aria-label={trans.__('Model and agent')}>
      <Choice
        words={autoWords(agents, known?.default, trans)}
        detail={trans.__('Default')}
        chosen={!choice.agent && !choice.model}
        onChoose={() => choose('', '')}
      />
      {ready.map(one => (
        <Provider key={one.name} provider={one} model={model} choose={choose} />
      ))}
      <RunSettings model={model} />
      {known?.mayConfigure && (
        <button
          type="button"
          class="lobu-button lobu-quiet lobu-model-add"
          onClick={() => models.edit('')}
        >
          {trans.__('Add model…')}
        </button>
      )}
      {known?.mayConfigure && lacking.length > 0 && (
        <details>
          <summary>{trans.__('Not set up')}</summary>
          {lacking.map(one => (
            <Choice
              key={one.name}
              words={one.label}
              detail={one.hint}
              chosen={false}
              onChoose={() => models.edit(one.name)}
            />
          ))}
        </details>
      )}
      {others.length > 0 && (
        <section aria-label={trans.__('More agents')}>
          <h3 class="lobu-model-group">{trans.__('More agents')}</h3>
          {others.map(one => (
            <Choice
              key={one.name}
              words={visible(one.name)}
              detail={stateOf(one, trans)}
              title={one.hint ?? one.description}
              chosen={choice.agent === one.name}
              onChoose={() => choose(one.name, '')}
            />
          ))}
        </section>
      )}
    </div>
  );
}

function Provider(props: {
  provider: IProvider;
  model: PanelModel;
  choose: (agent: string, name: string) => void;
}): VNode {
  const { provider, model, choose } = props;
  const { trans } = model.page.host;
  const { mayConfigure } = model.models.known ?? {};
  return (
    <section aria-label={provider.label}>
      <h3 class="lobu-model-group">
        {visible(provider.label)}
        {mayConfigure && provider.source !== 'configuration' && (
          <button
            type="button"
            class="lobu-button lobu-quiet"
            aria-label={trans.__('Edit %1', provider.label)}
            onClick={() => model.models.edit(provider.name)}
          >
            {trans.__('Edit')}
          </button>
        )}
      </h3>
      {provider.models.map(one => (
        <Choice
          key={one}
          words={visible(short(one))}
          title={one}
          chosen={model.choice.model === one && !model.choice.agent}
          onChoose={() => choose('', one)}
        />
      ))}
    </section>
  );
}

function Choice(props: {
  words: string;
  detail?: string;
  title?: string;
  chosen: boolean;
  onChoose: () => void;
}): VNode {
  return (
    <button
      type="button"
      class="lobu-model-choice"
      aria-pressed={props.chosen}
      title={props.title}
      onClick={props.onChoose}
    >
      <span class="lobu-model-name">{props.words}</span>
      {props.detail && <span class="lobu-model-detail">{props.detail}</span>}
    </button>
  );
}

/** An agent that is not ready can be chosen too: its hint then says what it needs. */
function stateOf(agent: IAgent, trans: ITrans): string {
  const states: { [state: string]: string } = {
    ready: '',
    'not installed': trans.__('not installed'),
    'needs login': trans.__('needs login')
  };
  return agent.state ? (states[agent.state] ?? visible(agent.state)) : '';
}

/** What the model of the next run takes: effort, temperature, and how much it may write. */
function RunSettings(props: { model: PanelModel }): VNode | null {
  const { model } = props;
  const { choice, models } = model;
  const { trans } = model.page.host;
  const name = choice.model || models.known?.default;
  if (choice.agent || !name) {
    return null;
  }
  const takes = models.takes(name);
  const settings = choice.settings ?? {};
  const set = (more: ISettings): void => {
    const given = Object.entries({ ...settings, ...more }).filter(
      ([, value]) => value !== undefined
    );
    model.choose({ settings: Object.fromEntries(given) });
  };
  const number = (text: string): number | undefined => (text === '' ? undefined : Number(text));
  return (
    <fieldset class="lobu-model-settings">
      <legend>{trans.__('For the next messages')}</legend>
      {takes.effort && (
        <label>
          {trans.__('Effort')}
          <select
            value={settings.effort ?? ''}
            onChange={event => set({ effort: event.currentTarget.value || undefined })}
          >
            <option value="">{trans.__('Default')}</option>
            {takes.effort.map(one => (
              <option key={one} value={one}>
                {one}
              </option>
            ))}
          </select>
        </label>
      )}
      {takes.temperature !== undefined && (
        <label>
          {trans.__('Temperature')}
          <input
            type="number"
            min={0}
            max={takes.temperature}
            step={0.1}
            placeholder={trans.__('Default')}
            value={settings.temperature ?? ''}
            onChange={event => set({ temperature: number(event.currentTarget.value) })}
          />
        </label>
      )}
      {takes.maxTokens !== undefined && (
        <label>
          {trans.__('Max tokens')}
          <input
            type="number"
            min={1}
            max={takes.maxTokens}
            step={1}
            placeholder={trans.__('Default')}
            value={settings.maxTokens ?? ''}
            onChange={event => set({ maxTokens: number(event.currentTarget.value) })}
          />
        </label>
      )}
    </fieldset>
  );
}

type FormProps = { model: PanelModel; provider: string; onDone: () => void };

/** The form, which is loaded when it is first shown. */
export function LazyForm(props: FormProps): VNode | null {
  const [Form, setForm] = useState<ComponentType<FormProps> | null>(null);
  useEffect(() => {
    let wanted = true;
    void import('./modelform').then(({ ModelForm }) => wanted && setForm(() => ModelForm));
    return () => {
      wanted = false;
    };
  }, []);
  return Form && <Form {...props} />;
}

/** Where there is no model yet: add one, or try the demo. */
export function SetUp(props: { model: PanelModel }): VNode | null {
  const { model } = props;
  const { memory, models } = model;
  const { trans } = model.page.host;
  if (!models.wanted || memory.get('demo', false)) {
    return null;
  }
  return (
    <section class="lobu-setup" aria-label={trans.__('Add a model')}>
      <p>
        {trans.__('Add a model to chat for real, or try the built-in demo (no AI, no API key).')}
      </p>
      <button
        type="button"
        class="lobu-button"
        onClick={() => {
          memory.set('demo', true);
          model.focus();
        }}
      >
        {trans.__('Try the demo')}
      </button>
      <LazyForm model={model} provider="" onDone={() => model.focus()} />
    </section>
  );
}
