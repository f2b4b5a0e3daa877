/**
 * The gateway through a widget's comm.
 *
 * Up: `{type: "call", id, method, path, body}` and the page socket's own messages, with
 * `{type: "open"}` before them. Down: `{type: "reply", id, status, body}`, `{type: "opened"}`,
 * `{type: "closed"}` and the socket's messages.
 */
import { IReply } from '../core/api';
import { Page } from '../core/page';
import { IChannel } from '../core/socket';
import { realClock } from '../core/time';

/** The part of an anywidget model that we use. */
export interface ICommModel {
  get(name: string): unknown;
  on(name: string, callback: (message: unknown) => void): void;
  off(name: string, callback: (message: unknown) => void): void;
  send(content: unknown): void;
}

interface IDown {
  type: string;
  id?: number;
  status?: number;
  body?: unknown;
}

const pages = new WeakMap<ICommModel, Page>();

/** The page behind a model's comm; views of one model share it. `pause` is that of `IPageOptions`. */
export function commPage(model: ICommModel, pause?: number): Page {
  let page = pages.get(model);
  if (page === undefined) {
    const comm = new Comm(model);
    page = new Page({
      carry: (method, path, body) => comm.call(method, path, body),
      connect: () => comm.open(),
      pause
    });
    pages.set(model, page);
  }
  return page;
}

const REPLY_MS = 30_000;

class Comm {
  constructor(private readonly _model: ICommModel) {
    _model.on('msg:custom', message => this._received(message as IDown));
  }

  call(method: string, path: string, body?: unknown): Promise<IReply> {
    const id = ++this._calls;
    return new Promise((resolve, reject) => {
      const cancel = realClock.after(REPLY_MS, () => {
        this._waiting.delete(id);
        reject(new Error('the kernel does not answer'));
      });
      this._waiting.set(id, reply => {
        cancel();
        resolve(reply);
      });
      this._model.send({ type: 'call', id, method, path, body: body ?? null });
    });
  }

  open(): IChannel {
    const channel: IChannel = {
      onopen: null,
      onmessage: null,
      onclose: null,
      send: text => this._model.send(JSON.parse(text)),
      close: () => this._model.send({ type: 'close' })
    };
    this._channel = channel;
    this._model.send({ type: 'open' });
    return channel;
  }

  private _received(message: IDown): void {
    if (message.type === 'reply') {
      const answer = this._waiting.get(message.id ?? 0);
      this._waiting.delete(message.id ?? 0);
      answer?.({ status: message.status ?? 0, body: message.body });
    } else if (message.type === 'opened') {
      this._channel?.onopen?.();
    } else if (message.type === 'closed') {
      this._channel?.onclose?.();
    } else {
      this._channel?.onmessage?.({ data: JSON.stringify(message) });
    }
  }

  private _calls = 0;
  private readonly _waiting = new Map<number, (reply: IReply) => void>();
  private _channel: IChannel | null = null;
}
