/** What is written and not sent, of each thread and of the new one of each notebook, and what was sent before. */
import { Thread } from '../../core/thread';
import { Memory } from './memory';

const MOST_SENT = 50;

export class Drafts {
  constructor(private readonly _memory: Memory) {}

  /** The draft of a thread; null: of the new one about a notebook. */
  get(thread: Thread | null, notebook: string | undefined): string {
    const name = nameOf(thread, notebook);
    if (thread === null) {
      return this._memory.get(name, '');
    }
    thread.message ||= this._memory.get(name, '');
    return thread.message;
  }

  set(thread: Thread | null, notebook: string | undefined, text: string): void {
    if (thread !== null) {
      thread.message = text;
    }
    this._memory.set(nameOf(thread, notebook), text);
  }

  /** What was sent, the last first. */
  get sent(): string[] {
    return this._memory.get<string[]>('history', []);
  }

  remember(text: string): void {
    const others = this.sent.filter(one => one !== text);
    this._memory.set('history', [text, ...others].slice(0, MOST_SENT));
  }
}

function nameOf(thread: Thread | null, notebook = ''): string {
  return thread === null ? `draft new ${notebook}` : `draft ${thread.threadId}`;
}
