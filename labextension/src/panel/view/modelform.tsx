/** A form that sets up a provider of models: its key and address, tried before they are kept. */
import { VNode } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { CallError } from '../../core/api';
import { visible } from '../../core/text/visible';
import { JsonObject } from '../../core/wire';
import { IFound, ITested } from '../model/models';
import { PanelModel } from '../model/panel';

const OTHER = ''; // a server of one's own
const NAMES = 'lobu-model-names';

export function ModelForm(props: {
  model: PanelModel;
  provider: string;
  onDone: () => void;
}): VNode {
  const { model, onDone } = props;
  const { models } = model;
  const { trans } = model.page.host;
  const known = models.known?.providers ?? [];
  const listed = known.filter(one => one.source !== 'configuration');
  const [name, setName] = useState(props.provider || 'anthropic');
  const provider = listed.find(one => one.name === name);
  const other = provider === undefined;
  const [url, setUrl] = useState(provider?.baseUrl ?? '');
  const [key, setKey] = useState('');
  const [chosen, setChosen] = useState('');
  const [found, setFound] = useState<IFound[] | null>(null);
  const [tested, setTested] = useState<ITested | null>(null);
  const [problem, setProblem] = useState<CallError | null>(null);
  const [busy, setBusy] = useState('');
  const first = useRef<HTMLSelectElement>(null);
  useEffect(() => {
    if (models.form !== null) {
      first.current?.focus();
    }
  }, []);

  const pick = (
    next: string,
    address = known.find(one => one.name === next)?.baseUrl ?? ''
  ): void => {
    setName(next);
    setUrl(address);
    setKey('');
    setChosen('');
    setTested(null);
    setProblem(null);
  };
  const body = (): JsonObject => {
    const kind = found?.find(one => one.name === name && one.baseUrl === url.trim())?.kind;
    return {
      ...(key ? { key } : {}),
      ...(url.trim() ? { baseUrl: url.trim() } : {}),
      ...(kind ? { kind } : {})
    };
  };
  const attempt = async (what: string, act: () => Promise<void>): Promise<void> => {
    setBusy(what);
    setProblem(null);
    try {
      await act();
    } catch (error) {
      setProblem(error as CallError);
    }
    setBusy('');
  };
  const test = (): Promise<void> =>
    attempt('test', async () => {
      setTested(null);
      const outcome = await models.test(name, body());
      setTested(outcome);
      if (outcome.ok && !outcome.models.includes(chosen)) {
        setChosen(outcome.models[0] ?? '');
      }
    });
  const save = (): Promise<void> =>
    attempt('save', async () => {
      await models.save(name, {
        ...body(),
        ...(chosen.trim() ? { model: chosen.trim() } : {}),
        ...(tested?.ok ? { models: tested.models } : {})
      });
      await model.loadAgents();
      model.choose({ agent: '', model: '' });
      models.edit(null);
      onDone();
    });
  const remove = (): Promise<void> =>
    attempt('remove', async () => {
      await models.remove(name);
      await model.loadAgents();
      model.choose({ agent: '', model: '' });
      models.edit(null);
      onDone();
    });
  const field = (of: string): string | undefined =>
    problem?.field === of ? problem.message : undefined;
  return (
    <form
      class="lobu-model-form"
      aria-label={trans.__('Model provider')}
      data-lm-suppress-shortcuts="true"
      onSubmit={event => {
        event.preventDefault();
        void save();
      }}
      onKeyDown={event => {
        event.stopPropagation();
        if (event.key === 'Escape' && models.form !== null) {
          models.edit(null);
          onDone();
        }
      }}
    >
      <label>
        {trans.__('Provider')}
        <select
          ref={first}
          value={other ? OTHER : name}
          onChange={event => pick(event.currentTarget.value)}
        >
          {listed.map(one => (
            <option key={one.name} value={one.name}>
              {one.label}
            </option>
          ))}
          <option value={OTHER}>{trans.__('Other (OpenAI-compatible)')}</option>
        </select>
      </label>
      {other && (
        <Field
          label={trans.__('Name')}
          value={name}
          placeholder="local"
          problem={field('name')}
          onInput={text => setName(text.trim().toLowerCase())}
        />
      )}
      <Field
        label={trans.__('API key')}
        value={key}
        type="password"
        placeholder={provider?.keySet ? trans.__('Set. Enter another to replace it') : ''}
        problem={field('key')}
        onInput={setKey}
      />
      <Field
        label={trans.__('Base URL')}
        value={url}
        placeholder={other ? 'http://127.0.0.1:8000/v1' : trans.__('Default')}
        problem={field('baseUrl')}
        onInput={text => {
          setUrl(text);
          setTested(null);
        }}
      />
      <div class="lobu-model-actions">
        <button
          type="button"
          class="lobu-button"
          disabled={!name || busy !== ''}
          onClick={() => void test()}
        >
          {busy === 'test' ? trans.__('Testing…') : trans.__('Test connection')}
        </button>
        <button
          type="button"
          class="lobu-button lobu-quiet"
          disabled={busy !== ''}
          onClick={() => void attempt('find', async () => setFound(await models.discover()))}
        >
          {busy === 'find' ? trans.__('Looking…') : trans.__('Find local models')}
        </button>
      </div>
      <div role="status" class="lobu-model-outcome">
        {tested && (
          <p class={tested.ok ? 'lobu-notice' : 'lobu-problem'}>{visible(tested.message)}</p>
        )}
        {found?.length === 0 && (
          <p class="lobu-notice">
            {trans.__('No Ollama, vLLM, LM Studio or llama.cpp answers there.')}
          </p>
        )}
      </div>
      {(found ?? []).map(one => (
        <button
          key={one.name}
          type="button"
          class="lobu-model-choice"
          onClick={() => {
            pick(one.name, one.baseUrl);
            setTested({ ok: true, code: 'ok', message: '', models: one.models });
            setChosen(one.models[0] ?? '');
          }}
        >
          <span class="lobu-model-name">{one.label}</span>
          <span class="lobu-model-detail">{visible(one.models.slice(0, 3).join(', '))}</span>
        </button>
      ))}
      <Field
        label={trans.__('Model')}
        value={chosen}
        placeholder={trans.__('Used by default')}
        list={NAMES}
        problem={field('model')}
        onInput={setChosen}
      />
      <datalist id={NAMES}>
        {(tested?.models ?? []).map(one => (
          <option key={one} value={one} />
        ))}
      </datalist>
      {problem && (
        <p class="lobu-problem" role="alert">
          {problem.message}
        </p>
      )}
      {models.known?.problem && <p class="lobu-problem">{visible(models.known.problem)}</p>}
      <p class="lobu-notice">{trans.__('The key stays on the server and is never shown again.')}</p>
      <div class="lobu-model-actions">
        <button class="lobu-button lobu-primary" disabled={!name || busy !== ''}>
          {trans.__('Save')}
        </button>
        {models.form !== null && (
          <button
            type="button"
            class="lobu-button"
            onClick={() => {
              models.edit(null);
              onDone();
            }}
          >
            {trans.__('Cancel')}
          </button>
        )}
        {provider?.source === 'saved' && (
          <button
            type="button"
            class="lobu-button lobu-quiet"
            disabled={busy !== ''}
            onClick={() => void remove()}
          >
            {trans.__('Remove')}
          </button>
        )}
      </div>
    </form>
  );
}

function Field(props: {
  label: string;
  value: string;
  onInput: (text: string) => void;
  type?: string;
  placeholder?: string;
  list?: string;
  problem?: string;
}): VNode {
  return (
    <label>
      {props.label}
      <input
        class="lobu-input"
        type={props.type ?? 'text'}
        autocomplete="off"
        spellcheck={false}
        placeholder={props.placeholder}
        list={props.list}
        value={props.value}
        aria-invalid={props.problem !== undefined}
        onInput={event => props.onInput(event.currentTarget.value)}
      />
    </label>
  );
}
