/** What the person has allowed, the administrator's limits above it, and the MCP servers. */
import { Api } from '../../core/api';
import { IGrant, JsonObject } from '../../core/wire';

export type Kind = 'allow' | 'ask' | 'deny';
export const KINDS: readonly Kind[] = ['allow', 'ask', 'deny'];

export interface IRules {
  allow?: string[];
  ask?: string[];
  deny?: string[];
  noGrant?: string[];
  mode?: string | null;
}

export interface IListedGrant extends IGrant {
  by?: string;
  threadId?: string | null;
  notebookPath?: string | null;
}

export interface IMcpServer {
  name: string;
  kind: 'command' | 'url';
  reachedBy: string;
  state: 'configured' | 'blocked' | 'not installed';
  why?: string;
}

export interface IPermissions {
  layers: { name: string; rules: IRules }[];
  maxMode: string;
  grants: IListedGrant[];
  notebooks: { notebookPath: string; rules: IRules }[];
  mcpServers: IMcpServer[];
}

export function readPermissions(api: Api): Promise<IPermissions> {
  return api.get('permissions');
}

export async function putRules(api: Api, notebookPath: string, rules: IRules): Promise<void> {
  await api.send('PUT', 'policy', { notebookPath, rules: rules as unknown as JsonObject });
}

export function withPattern(rules: IRules, kind: Kind, pattern: string): IRules {
  const others = (rules[kind] ?? []).filter(one => one !== pattern);
  return { ...rules, [kind]: [...others, pattern].sort() };
}

export function withoutPattern(rules: IRules, kind: Kind, pattern: string): IRules {
  return { ...rules, [kind]: (rules[kind] ?? []).filter(one => one !== pattern) };
}

/** The notebooks to show: those with rules, and the one in front. */
export function notebooksOf(found: IPermissions, front: string | null): IPermissions['notebooks'] {
  const known = found.notebooks.some(one => one.notebookPath === front);
  return front === null || known
    ? found.notebooks
    : [{ notebookPath: front, rules: {} }, ...found.notebooks];
}
