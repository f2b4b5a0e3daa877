/**
 * What an outside agent says about itself, from the journal's `lobu.agent`: its options and its slash commands. The texts
 * are the agent's own.
 */
import { list, object, text } from './json';
import { visible } from './text/visible';
import { IState } from './wire';

export interface IAgentValue {
  value: string;
  name: string;
}

export interface IAgentOption {
  id: string;
  category: string;
  name: string;
  current: string;
  values: IAgentValue[];
}

export interface IAgentCommand {
  name: string;
  description: string;
  hint: string;
}

/** The message that sets an option, by its category; the mode has its own question, `/mode`. */
const COMMANDS: { [category: string]: string } = {
  model: '/model',
  thought_level: '/effort',
  mode: '/mode'
};

function told(state: IState, agent: string): ReturnType<typeof object> {
  const isOf = (value: ReturnType<typeof object>): boolean => value.agent === agent;
  for (const item of [...state.items].reverse()) {
    if (item.kind === 'notice' && item.name === 'lobu.agent' && isOf(object(item.value))) {
      return object(item.value);
    }
  }
  return {};
}

/** The agent's options that a message can set, as it last told them in this thread. */
export function optionsOfAgent(state: IState, agent: string): IAgentOption[] {
  return list(told(state, agent).options)
    .map(object)
    .map(one => ({
      id: text(one.id),
      category: text(one.category),
      name: text(one.name),
      current: text(one.current),
      values: list(one.values)
        .map(object)
        .map(value => ({ value: text(value.value), name: text(value.name) || text(value.value) }))
    }))
    .filter(one => one.values.length > 1 && Object.hasOwn(COMMANDS, one.category));
}

/** The agent's own slash commands, which are sent as messages. */
export function commandsOfAgent(state: IState, agent: string): IAgentCommand[] {
  return list(told(state, agent).commands)
    .map(object)
    .map(one => ({
      name: text(one.name),
      description: text(one.description),
      hint: text(one.hint)
    }));
}

const COMMAND_NAME = /^[\w:.-]{1,64}$/;

/** What the agent understands after `/`: its own commands, and ours that set its options. */
export function suggestionsOfAgent(
  state: IState,
  agent: string
): { text: string; detail: string }[] {
  const own = commandsOfAgent(state, agent)
    .filter(one => COMMAND_NAME.test(one.name))
    .map(one => ({
      text: `/${one.name}`,
      detail: visible([one.hint, one.description].filter(Boolean).join(' · '))
    }));
  const setting = optionsOfAgent(state, agent).map(one => ({
    text: COMMANDS[one.category],
    detail: visible(`${one.name}: ${one.current}`)
  }));
  return [...setting, ...own.filter(one => !setting.some(({ text }) => text === one.text))];
}

/** The message that chooses a value of an option. */
export function choosing(option: IAgentOption, value: string): string {
  return `${COMMANDS[option.category]} ${value}`;
}
