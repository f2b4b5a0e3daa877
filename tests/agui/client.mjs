// The unmodified AG-UI client against POST agui. usage: node client.mjs SCENARIO, with LOBU_AGUI (the address),
// LOBU_AUTH (the Authorization header) and LOBU_PROPS (forwardedProps) in the environment. Prints one JSON
// object: what the client ended up with, and every warning that it gave.
import { HttpAgent } from '@ag-ui/client';

const warnings = [];
console.warn = (...parts) => warnings.push(parts.join(' '));

const { LOBU_AGUI: url, LOBU_AUTH: authorization, LOBU_PROPS: props = '{}' } = process.env;
const agent = new HttpAgent({ url, threadId: `chat-${process.pid}`, headers: { Authorization: authorization } });
const events = [];
let onEvent = () => {};
agent.subscribe({
  onEvent: ({ event }) => {
    events.push(event);
    onEvent(event);
  }
});

async function say(content, more = {}) {
  if (content) agent.addMessage({ id: `m-${events.length}`, role: 'user', content });
  return agent.runAgent({ forwardedProps: JSON.parse(props), ...more });
}

function openInterrupts() {
  const last = events.findLast(event => event.type === 'RUN_FINISHED');
  return last?.outcome?.type === 'interrupt' ? last.outcome.interrupts : [];
}

const scenarios = {
  text: () => say('say hello there'),
  approval: async () => {
    await say('run 6 * 7');
    const resume = openInterrupts().map(interrupt => ({
      interruptId: interrupt.id,
      status: 'resolved',
      payload: { approved: true }
    }));
    await say(null, { resume });
  },
  rejection: async () => {
    await say('run 6 * 7');
    await say(null, { resume: openInterrupts().map(i => ({ interruptId: i.id, status: 'cancelled' })) });
  },
  error: () => say('fail 401 no such key').catch(error => ({ error: String(error) })),
  cancel: () => {
    onEvent = event => {
      if (event.type === 'TEXT_MESSAGE_CONTENT') {
        onEvent = () => {};
        cancelAll();
      }
    };
    return say('slow 3000 10');
  },
  twoTurns: async () => {
    await say('say first answer');
    await say('say second answer');
  },
  clientTool: async () => {
    await say('tool pick_color {"hint": "sky"}\nsay after the call', { tools });
    const call = agent.messages.flatMap(message => message.toolCalls ?? []).at(-1);
    agent.addMessage({ id: 'result-1', role: 'tool', toolCallId: call.id, content: 'picked blue' });
    await say(null, { tools });
    await say('say next turn', { tools });
  },
  regenerate: async () => {
    await say('say first answer');
    await say('say second answer');
    agent.setMessages(agent.messages.slice(0, 3));
    await say(null);
    await say('say third answer');
  },
  edit: async () => {
    await say('say first answer');
    await say('say second answer');
    agent.setMessages(agent.messages.slice(0, 2));
    await say('say edited answer');
  },
  state: async () => {
    agent.setState({ page: 1 });
    await say('tool update_state {"set": {"page": 2, "seen": true}}');
  }
};

const tools = [
  {
    name: 'pick_color',
    description: 'Lets the person pick a color.',
    parameters: { type: 'object', properties: { hint: { type: 'string' } }, required: ['hint'] }
  }
];

// A person at another surface cancels what runs.
async function cancelAll() {
  const headers = { Authorization: authorization };
  const runs = await (await fetch(new URL('runs?status=running', url), { headers })).json();
  for (const run of runs.runs) {
    await fetch(new URL(`runs/${run.runId}/cancel`, url), { method: 'POST', headers });
  }
}

await scenarios[process.argv[2]]();
console.log(JSON.stringify({ events, messages: agent.messages, state: agent.state, warnings }));
