// CopilotKit's core, unmodified and without a page, against POST agui. usage: node copilotkit.mjs SCENARIO, with the
// environment of ../client.mjs. Prints one JSON object: the messages, the calls of the page's tool, the errors.
import { HttpAgent } from '@ag-ui/client';
import { CopilotKitCore } from '@copilotkit/core';
import { z } from 'zod';

const { LOBU_AGUI: url, LOBU_AUTH: authorization, LOBU_PROPS: props = '{}' } = process.env;
const agent = new HttpAgent({ url, threadId: `copilot-${process.pid}`, headers: { Authorization: authorization } });
const calls = [];
const errors = [];
const core = new CopilotKitCore({
  agents__unsafe_dev_only: { default: agent },
  properties: JSON.parse(props),
  tools: [
    {
      name: 'pick_color',
      description: 'Lets the person pick a color.',
      parameters: z.object({ hint: z.string() }),
      handler: async args => {
        calls.push(args);
        return `picked blue for ${args.hint}`;
      }
    }
  ]
});
core.subscribe({ onError: ({ error, code }) => errors.push(`${code}: ${error.message}`) });

let count = 0;
async function say(content) {
  count += 1;
  agent.addMessage({ id: `m-${count}`, role: 'user', content });
  await core.runAgent({ agent });
}

const scenarios = {
  text: () => say('say hello there'),
  tool: async () => {
    await say('tool pick_color {"hint": "sky"}\nsay after the call');
    await say('say next turn');
  },
  regenerate: async () => {
    await say('say first answer');
    await say('say second answer');
    agent.setMessages(agent.messages.slice(0, 3));
    await core.runAgent({ agent });
    await say('say third answer');
  }
};

await scenarios[process.argv[2]]();
console.log(JSON.stringify({ messages: agent.messages, calls, errors }));
process.exit(0);
