/** The page of permissions: what it shows, and that only a hand changes it. */
import { render } from 'preact';
import { act } from 'preact/test-utils';
import { PanelModel } from '../src/panel/model/panel';
import { notebooksOf, withoutPattern, withPattern } from '../src/panel/model/permissions';
import { Permissions } from '../src/panel/view/permissions';
import { FakeServer, reply, settled } from './fakes';

const FOUND = {
  layers: [
    { name: 'server', rules: { deny: ['delete_cell'], noGrant: ['write_*'], mode: 'ask' } },
    { name: 'codex', rules: { ask: ['codex__\u202eread'] } }
  ],
  maxMode: 'ask',
  grants: [
    {
      grantId: 'g',
      tool: 'run_code',
      scope: 'notebook',
      covers: 'all',
      createdAt: '2026-11-21T10:00:05.000Z',
      notebookPath: 'a\u202e.ipynb',
      by: 'ada'
    }
  ],
  notebooks: [{ notebookPath: 'b/n.ipynb', rules: { ask: ['write_*'], mode: null } }],
  mcpServers: [
    { name: 'files', kind: 'command', reachedBy: 'mcp-files', state: 'blocked', why: 'not allowed' }
  ]
};

/** Wait until it is so; each look lets the page draw once. */
async function until(so: () => boolean): Promise<void> {
  for (let i = 0; i < 200 && !so(); i++) {
    await act(() => new Promise(done => setTimeout(done, 0)));
    await settled();
  }
  expect(so()).toBe(true);
}

async function shown(): Promise<{ server: FakeServer; root: HTMLElement }> {
  const server = new FakeServer();
  server.answers.set('GET permissions', reply(200, FOUND));
  server.answers.set('DELETE policy/grants/g', reply(204, null));
  server.answers.set('PUT policy', reply(200, {}));
  const root = document.body.appendChild(document.createElement('div'));
  const list = { get: () => undefined };
  const model = { page: server.page, list, notebook: null } as unknown as PanelModel;
  render(<Permissions model={model} />, root);
  await until(() => root.querySelector('section') !== null);
  return { server, root };
}

function texts(root: HTMLElement, part: string): (string | null)[] {
  const found = root.querySelector(`section[aria-label="${part}"]`);
  return [...(found?.querySelectorAll('.lobu-permissions-what') ?? [])].map(one => one.textContent);
}

test('approvals, limits and servers are shown, hidden characters too', async () => {
  const { root } = await shown();

  expect(texts(root, 'Approvals')[0]).toMatch(
    /^every run_code call in this notebooka\\u202e\.ipynb · since .* · by ada$/
  );
  expect(texts(root, 'Rules of n.ipynb')).toEqual(['Ask first: write_*']);
  expect(texts(root, 'Set by the administrator')).toEqual([
    'At most: Ask first',
    'Ask first',
    'Never run: delete_cell',
    'Asks each time: write_*',
    'Ask first: codex__\\u202ereadcodex'
  ]);
  expect(texts(root, 'MCP servers')).toEqual(['filesmcp-files · not allowed']);
});

test('a click revokes, adds and removes', async () => {
  const { server, root } = await shown();

  root.querySelector<HTMLElement>('[aria-label^="Revoke"]')?.click();
  await until(() => server.callsTo('permissions').length === 2);
  root.querySelector<HTMLElement>('[aria-label^="Remove"]')?.click();
  await until(() => server.callsTo('permissions').length === 3);

  expect(server.callsTo('policy/grants/g')).toHaveLength(1);
  expect(server.callsTo('policy').map(call => call.body)).toEqual([
    { notebookPath: 'b/n.ipynb', rules: { ask: [], mode: null } }
  ]);
});

test('patterns are kept once and in order, and the notebook in front is always there', () => {
  expect(withPattern({ ask: ['b', 'a'] }, 'ask', 'a')).toEqual({ ask: ['a', 'b'] });
  expect(withoutPattern({ ask: ['a', 'b'], deny: ['a'] }, 'ask', 'a')).toEqual({
    ask: ['b'],
    deny: ['a']
  });
  const found = FOUND as unknown as Parameters<typeof notebooksOf>[0];
  expect(notebooksOf(found, 'c.ipynb').map(one => one.notebookPath)).toEqual([
    'c.ipynb',
    'b/n.ipynb'
  ]);
  expect(notebooksOf(found, 'b/n.ipynb')).toHaveLength(1);
});
