/** The models of the server: what can be chosen, who may add some, and what is chosen for the next message. */
import { Api } from '../../core/api';
import { IAgent, JsonObject } from '../../core/wire';

/** The settings that a model takes: the most of a number, or the choices. */
export interface ITakes {
  effort?: string[];
  temperature?: number;
  maxTokens?: number;
}

export interface IProvider {
  name: string;
  label: string;
  kind: string;
  state: 'ready' | 'no key' | 'not set up' | 'no package';
  hint: string;
  source: 'saved' | 'configuration' | 'environment' | null;
  keySet: boolean;
  keyIn?: 'file' | 'keyring' | null;
  baseUrl?: string | null;
  /** As `provider:model`. */
  models: string[];
  takes: { [model: string]: ITakes };
}

export interface IModels {
  providers: IProvider[];
  default: string | null;
  mayConfigure: boolean;
  problem: string;
}

export interface ITested {
  ok: boolean;
  code: string;
  message: string;
  models: string[];
}

/** A server of models on the machine of the Jupyter server. */
export interface IFound {
  name: string;
  label: string;
  kind: string;
  baseUrl: string;
  models: string[];
}

/** Of a model, for one run. */
export interface ISettings {
  effort?: string;
  temperature?: number;
  maxTokens?: number;
}

export class ModelList {
  constructor(
    private readonly _api: Api,
    private readonly _tell: () => void
  ) {}

  /** Null until the server has told; one that is older than this page tells nothing. */
  known: IModels | null = null;
  /** The menu is open. */
  open = false;
  /** The form is open, for this provider; '' for any. */
  form: string | null = null;

  get ready(): IProvider[] {
    return (this.known?.providers ?? []).filter(one => one.state === 'ready');
  }

  /** The person may add a model, and there is none. */
  get wanted(): boolean {
    return this.known !== null && this.known.mayConfigure && this.ready.length === 0;
  }

  takes(model: string): ITakes {
    return this.ready.find(one => model in one.takes)?.takes[model] ?? {};
  }

  async load(): Promise<void> {
    this.known = await this._api.get<IModels>('models');
    this._tell();
  }

  show(open: boolean): void {
    this.open = open;
    this.form = open ? null : this.form;
    this._tell();
  }

  edit(provider: string | null): void {
    this.form = provider;
    this.open = false;
    this._tell();
  }

  async save(name: string, body: JsonObject): Promise<void> {
    const path = `models/providers/${encodeURIComponent(name)}`;
    this.known = await this._api.send<IModels>('PUT', path, body);
    if (!('models' in body)) {
      await this.test(name, {}); // so that its models can be chosen
      await this.load();
    }
    this._tell();
  }

  async remove(name: string): Promise<void> {
    await this._api.send('DELETE', `models/providers/${encodeURIComponent(name)}`);
    await this.load();
  }

  test(name: string, body: JsonObject): Promise<ITested> {
    return this._api.send('POST', `models/providers/${encodeURIComponent(name)}/test`, body);
  }

  async discover(): Promise<IFound[]> {
    return (await this._api.send<{ found: IFound[] }>('POST', 'models/discover', {})).found;
  }
}

/** A model without its provider. */
export function short(model: string): string {
  return model.slice(model.indexOf(':') + 1);
}

/** The agent of a message that names none. */
export function usualAgent(agents: IAgent[]): IAgent | undefined {
  return agents.find(one => one.default);
}
