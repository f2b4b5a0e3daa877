/**
 * How a browser page reaches its Jupyter server, and what all scripts of a page share.
 *
 * JupyterLab's extension and the widget are two scripts, yet one page: whoever comes first makes
 * the page's one connection, the other uses it.
 */
import { Carrier, IReply } from './api';
import { Page } from './page';
import { IChannel } from './socket';

/** A Jupyter server, as pages know it. URLs end in a slash; an empty token: by cookie. */
export interface IServer {
  baseUrl: string;
  wsUrl: string;
  token: string;
}

/** The server that served this page, or null: there is none (VS Code, Colab). */
export function serverOfPage(): IServer | null {
  const text = document.getElementById('jupyter-config-data')?.textContent;
  if (!text) {
    return null;
  }
  const config = JSON.parse(text) as { baseUrl?: string; wsUrl?: string; token?: string };
  const base = new URL(config.baseUrl || '/', window.location.origin).href;
  const ws = new URL(config.wsUrl || base.replace(/^http/, 'ws')).href;
  return { baseUrl: slashed(base), wsUrl: slashed(ws), token: config.token ?? '' };
}

/** REST by fetch, with the page's login. */
export function fetchCarrier(server: IServer): Carrier {
  return async (method, path, body): Promise<IReply> => {
    const reply = await fetch(`${server.baseUrl}lobu/api/${path}`, {
      method,
      headers: headers(server, body !== undefined),
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: 'same-origin',
      cache: 'no-store'
    });
    const text = await reply.text();
    return { status: reply.status, body: parse(text) };
  };
}

/**
 * The page's WebSocket. A cookie goes with it by itself; a token only where hosts differ, or after a connection that
 * did not open: a hub may refuse sockets that have cookies alone.
 */
export function webSocket(server: IServer): () => IChannel {
  let byToken = new URL(server.wsUrl).host !== window.location.host;
  return () => {
    const url = new URL(`${server.wsUrl}lobu/api/socket`);
    if (server.token && byToken) {
      url.searchParams.set('token', server.token);
    }
    const socket = new WebSocket(url);
    const turn = (): void => {
      byToken = !byToken;
    };
    socket.addEventListener('close', turn);
    socket.addEventListener('open', () => socket.removeEventListener('close', turn));
    return socket as IChannel;
  };
}

const KEY = Symbol.for('lobu_jupyter.page.1');

/** This browser page's one {@link Page}, made by the first script that asks. */
export function pageOf(server: IServer): Page {
  const scope = globalThis as { [KEY]?: Page };
  scope[KEY] ??= newPage(server);
  return scope[KEY];
}

/** A page that comes back at once when the network does, or when the person looks again. */
function newPage(server: IServer): Page {
  const page = new Page({ carry: fetchCarrier(server), connect: webSocket(server) });
  window.addEventListener('online', () => page.retry());
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden && page.socket.connection.state !== 'live') {
      page.retry();
    }
  });
  return page;
}

function headers(server: IServer, json: boolean): Record<string, string> {
  const xsrf = /(?:^|;\s*)_xsrf=([^;]*)/.exec(document.cookie)?.[1];
  return {
    Accept: 'application/json',
    ...(json ? { 'Content-Type': 'application/json' } : {}),
    ...(server.token ? { Authorization: `token ${server.token}` } : {}),
    ...(xsrf ? { 'X-XSRFToken': decodeURIComponent(xsrf) } : {})
  };
}

function parse(text: string): unknown {
  try {
    return text ? JSON.parse(text) : null;
  } catch {
    return null; // a proxy's own error page: the status says enough
  }
}

function slashed(url: string): string {
  return url.endsWith('/') ? url : `${url}/`;
}
