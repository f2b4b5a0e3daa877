import {
  choosing,
  commandsOfAgent,
  optionsOfAgent,
  suggestionsOfAgent
} from '../src/core/agentoptions';
import { tokenAt } from '../src/panel/model/completion';
import { PanelModel } from '../src/panel/model/panel';
import { commands } from '../src/panel/view/completer';
import { contextTokens, windowOf } from '../src/panel/model/usage';
import { JsonObject } from '../src/core/wire';
import { custom, started, stateOf } from './events';

const MODEL: JsonObject = {
  id: 'm',
  category: 'model',
  name: 'Model',
  current: 'small',
  values: [{ value: 'small', name: 'Small' }, { value: 'large' }]
};
const TRUST: JsonObject = { ...MODEL, id: 't', category: 'other' };
const ONE: JsonObject = { ...MODEL, id: 'o', values: [{ value: 'small' }] };

function told(agent: string, ...options: JsonObject[]): JsonObject {
  const commands = [{ name: 'plan', description: 'Make a plan', hint: 'what' }];
  return { type: 'CUSTOM', name: 'lobu.agent', value: { agent, options, commands } };
}

test('the newest options of an agent that a message can set are offered', () => {
  const state = stateOf(
    started('r1'),
    told('robot', TRUST),
    told('robot', MODEL, TRUST, ONE),
    told('other')
  );

  const options = optionsOfAgent(state, 'robot');

  expect(options.map(one => one.id)).toEqual(['m']);
  expect(options[0].values.map(one => one.name)).toEqual(['Small', 'large']);
  expect(choosing(options[0], 'large')).toBe('/model large');
  expect(optionsOfAgent(state, 'other')).toEqual([]);
  expect(commandsOfAgent(state, 'robot')[0].name).toBe('plan');
  expect(commandsOfAgent(state, 'nobody')).toEqual([]);
});

test('the commands of an agent complete, behind those that set its options', () => {
  const value: JsonObject = {
    agent: 'robot',
    options: [MODEL],
    commands: [
      { name: 'plan', description: 'Make a\u202e plan', hint: 'what' },
      { name: 'model', description: 'not ours' },
      { name: 'mcp:box.a', description: '' },
      { name: 'no name', description: 'x' },
      { name: 'x'.repeat(65) }
    ]
  };
  const state = stateOf(started('r1'), custom('lobu.agent', value));

  expect(suggestionsOfAgent(state, 'robot')).toEqual([
    { text: '/model', detail: 'Model: small' },
    { text: '/plan', detail: 'what · Make a\\u202e plan' },
    { text: '/mcp:box.a', detail: '' }
  ]);
  expect(suggestionsOfAgent(state, 'other')).toEqual([]);
  expect(tokenAt('/mcp:box.a', 10)).toEqual({ sign: '/', word: 'mcp:box.a', from: 0 });
});

test('what is malformed offers nothing', () => {
  const state = stateOf(started('r1'), {
    type: 'CUSTOM',
    name: 'lobu.agent',
    value: { agent: 'robot', options: [7, { values: 'x' }, null], commands: 'x' }
  });

  expect(optionsOfAgent(state, 'robot')).toEqual([]);
  expect(commandsOfAgent(state, 'robot')).toEqual([]);
});

test('the gauge shows the context that an outside agent has told', () => {
  const usage = [{ inputTokens: 3, metadata: { contextWindow: 1000, contextUsed: 18 } }];
  const end = { type: 'RUN_FINISHED', outcome: { type: 'success' }, usage };
  const state = stateOf(started('r1'), end);

  expect(contextTokens(state)).toBe(18);
  expect(windowOf(state)).toEqual({ tokens: 1000, known: true });
});

test('the composer offers our commands first, and no command of the agent in the place of ours', () => {
  const told = custom('lobu.agent', {
    agent: 'robot',
    options: [],
    commands: [
      { name: 'new', description: 'not ours' },
      { name: 'plan', description: 'p' }
    ]
  });
  const thread = { state: stateOf(started('r1'), told) };
  const ours = [{ name: 'new', detail: 'start', run: () => undefined }];
  const model = { commands: ours, thread, choice: { agent: 'robot' } } as unknown as PanelModel;

  expect(commands(model)).toEqual([
    { text: '/new', detail: 'start' },
    { text: '/plan', detail: 'p' }
  ]);
  expect(commands({ ...model, thread: null } as unknown as PanelModel)).toHaveLength(1);
});
