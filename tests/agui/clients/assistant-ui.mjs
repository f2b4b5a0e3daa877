// assistant-ui's AG-UI runtime, unmodified and without a page, against POST agui. usage: node assistant-ui.mjs SCENARIO,
// with the environment of ../client.mjs. Prints one JSON object: the messages, the calls of the page's tool, the errors.
import { HttpAgent } from '@ag-ui/client';
import { useAgUiRuntime } from '@assistant-ui/react-ag-ui';
import { createElement } from 'react';
import TestRenderer, { act } from 'react-test-renderer';

globalThis.IS_REACT_ACT_ENVIRONMENT = true;
const { LOBU_AGUI: url, LOBU_AUTH: authorization, LOBU_PROPS: props = '{}' } = process.env;
const agent = new HttpAgent({ url, threadId: `assistant-${process.pid}`, headers: { Authorization: authorization } });
const run = agent.runAgent.bind(agent);
agent.runAgent = (input, ...rest) => run({ ...input, forwardedProps: JSON.parse(props) }, ...rest);
const calls = [];
const errors = [];
let runtime;

function App() {
  runtime = useAgUiRuntime({ agent, onError: error => errors.push(String(error)) });
  return null;
}

const pickColor = {
  description: 'Lets the person pick a color.',
  parameters: { type: 'object', properties: { hint: { type: 'string' } }, required: ['hint'] },
  execute: async args => {
    calls.push(args);
    return `picked blue for ${args.hint}`;
  }
};

await act(() => TestRenderer.create(createElement(App)));
runtime.registerModelContextProvider({ getModelContext: () => ({ tools: { pick_color: pickColor } }) });

const messages = () => runtime.thread.getState().messages;
const textOf = message => message.content.filter(p => p.type === 'text').map(p => p.text).join('');

async function until(done) {
  for (let waited = 0; waited < 30_000; waited += 20) {
    await act(() => new Promise(resolve => setTimeout(resolve, 20)));
    if (errors.length || (!runtime.thread.getState().isRunning && done())) return;
  }
  throw new Error(`nothing came: ${JSON.stringify(messages())}`);
}

const said = text => () => textOf(messages().at(-1) ?? { content: [] }).includes(text);

async function say(content, expected) {
  await act(() => runtime.thread.append(content));
  await until(said(expected));
}

const scenarios = {
  text: () => say('say hello there', 'hello there'),
  tool: async () => {
    await say('tool pick_color {"hint": "sky"}\nsay after the call', 'after the call');
    await say('say next turn', 'next turn');
  },
  regenerate: async () => {
    await say('say first answer', 'first answer');
    await say('say second answer', 'second answer');
    const before = messages().at(-1).id;
    await act(() => runtime.thread.getMessageById(before).reload());
    await until(() => messages().at(-1).id !== before && said('second answer')());
    await say('say third answer', 'third answer');
  }
};

await scenarios[process.argv[2]]();
const told = messages().map(m => ({ role: m.role, content: textOf(m), parts: m.content }));
console.log(JSON.stringify({ messages: told, calls, errors }));
process.exit(0);
