/** What the side panel shows, and what the person writes in it. */
import { CallError, IStart } from '../../core/api';
import { Page } from '../../core/page';
import { Thread } from '../../core/thread';
import { IAgent, IStarted, IThread, JsonObject } from '../../core/wire';
import { IAttached, INotebook, IWorkbench } from '../workbench';
import { Changes } from './changes';
import { commandIn, ICard, ISlashCommand } from './commands';
import { Mentioned, without } from './completion';
import { chosen, contextOf, IChoice, withChoice, withPictures, workedIn, WorkIn } from './content';
import { Drafts } from './drafts';
import { Following } from './following';
import { ThreadList } from './list';
import { Memory } from './memory';
import { ModelList } from './models';
import { IPlace } from './window';

export type PanelView = 'thread' | 'threads' | 'inbox' | 'permissions';

const NO_CHOICE: JsonObject = { agent: '', model: '', mode: '' };

export class PanelModel extends Changes {
  constructor(
    readonly page: Page,
    readonly list: ThreadList,
    readonly memory: Memory,
    readonly workbench: IWorkbench
  ) {
    super();
    this.models = new ModelList(page.api, () => this.tell());
    this.useNotebook = memory.get('useNotebook', true);
    this._threadId = memory.get<string | null>('thread', null);
    this._drafts = new Drafts(memory);
    this._following = new Following(list, memory);
    workbench.onNotebook(() => this._notebookChanged());
    list.watch(() => this._listChanged());
  }

  view: PanelView = 'thread';
  /** The title is being edited. */
  renaming = false;
  /** New threads are about the notebook in front. */
  useNotebook: boolean;
  /** Why the last thing the person did has failed, or ''. */
  problem = '';
  /** Where each transcript was left. */
  readonly places = new Map<string, IPlace>();
  /** Who can be asked; empty until a first worker has told. */
  agents: IAgent[] = [];
  /** Which models there are. */
  readonly models: ModelList;
  /** What goes with the next message. */
  attached: IAttached[] = [];
  /** The message is another form of the one that began this run; it goes into a fork. */
  rewriting: string | null = null;
  /** The thread of the notebook in front opens by itself. */
  follows = true;
  /** Where code is shown, unless the person chooses. */
  usualPlace: WorkIn = 'cells';
  /** What a message that begins with `/` and this name does. */
  commands: ISlashCommand[] = [];
  /** The card that the commands to approve and reject mean; the panel that is drawn knows it. */
  card: () => ICard | null = () => null;
  /** Asks the composer for the focus, by counting. */
  focusWanted = 0;
  /** The panel is shown beside the work at hand, and leaves the focus there. */
  quiet = false;

  /** The thread that is shown; null: a new one is about to be written. */
  get threadId(): string | null {
    return this._threadId;
  }

  get thread(): Thread | null {
    return this._threadId === null ? null : this.page.thread(this._threadId);
  }

  /** What the list says of the thread. */
  get entry(): IThread | undefined {
    return this.list.get(this._threadId);
  }

  get notebook(): INotebook | null {
    return this.workbench.notebook();
  }

  get title(): string {
    return this.thread?.state.title || this.entry?.title || '';
  }

  show(view: PanelView): void {
    this.view = view;
    this.renaming = false;
    this.tell();
  }

  open(threadId: string): void {
    this._following.chose();
    this._show(threadId);
    const path = this.entry?.notebookPath;
    if (path) {
      this._following.remember(path, threadId);
    }
    this.show('thread');
  }

  /** Begin a new thread: it is made when its first message is sent. */
  begin(quietly = false): void {
    this._following.chose();
    this._show(null);
    this.show('thread');
    if (!quietly) {
      this.focus();
    }
  }

  focus(): void {
    this.focusWanted++;
    this.tell();
  }

  rename(): void {
    this.view = 'thread';
    this.renaming = this._threadId !== null;
    this.tell();
  }

  /** What is written and not sent, of the thread or of the new one. */
  get message(): string {
    return this._drafts.get(this.thread, this.notebook?.path);
  }

  set message(text: string) {
    this._drafts.set(this.thread, this.notebook?.path, text);
    this.tell();
  }

  /** What was sent before, the last first: of this thread, then of others. */
  get history(): string[] {
    return this._drafts.sent;
  }

  /** The choices for the next run, kept per browser. */
  get choice(): IChoice {
    return this.memory.get('choice', NO_CHOICE) as unknown as IChoice;
  }

  choose(choice: Partial<IChoice>): void {
    this.memory.set('choice', withChoice(this.choice, choice) as unknown as JsonObject);
    this.tell();
  }

  /** Where the code of the next run is shown: without a notebook in the chat. */
  get workIn(): WorkIn {
    return this.about === null ? 'chat' : this.choice.workIn || this.usualPlace;
  }

  async loadAgents(): Promise<void> {
    await this.attempt(async () => {
      this.agents = await this.page.api.agents();
    });
  }

  attach(attached: IAttached[]): void {
    this.attached = [...this.attached, ...attached];
    this.tell();
  }

  detach(one: IAttached): void {
    this.attached = this.attached.filter(other => other !== one);
    this.tell();
  }

  get sending(): boolean {
    return this._sending || (this.thread?.sending ?? false);
  }

  /** Send the message: a run, which is queued while the agent works or waits. */
  async send(more: Partial<IStart> = {}): Promise<void> {
    const text = this.message.trim();
    if (!text || this.sending) {
      return;
    }
    if (this.rewriting !== null) {
      return this._sendFork(this.rewriting, text);
    }
    const command = commandIn(text, this.commands, this.choice.agent);
    if (command?.known) {
      this.message = '';
      command.known.run(command.rest);
      return;
    }
    if (command !== null) {
      this.problem = this.page.host.trans.__(
        'There is no command /%1. Nothing was sent. Type / for the list.',
        command.name
      );
      this.tell();
      return;
    }
    await this.busy(async () => {
      const thread = await this.target();
      if (await this._sendTo(thread, text, more)) {
        this.message = '';
        this.attached = [];
        this._drafts.remember(text);
      }
    });
  }

  /** Mentions that were offered, and so are known to mean something without a prefix. */
  readonly mentioned = new Mentioned();

  /** Take a mention out of the message. */
  unmention(name: string): void {
    this.message = without(this.message, name);
    this.focus();
  }

  /** Send this, beside what is being written. */
  async ask(text: string): Promise<void> {
    if (!this.sending) {
      await this.busy(async () => {
        await this._sendTo(await this.target(), text, {});
      });
    }
  }

  /** Write a message of this thread anew: it is sent into a fork that begins before it. */
  rewrite(runId: string, text: string): void {
    this.rewriting = runId;
    this.message = text;
    this.focus();
  }

  keepAsItIs(): void {
    this.rewriting = null;
    this.message = '';
  }

  /** Ask the same again, as it was asked. */
  async again(runId: string, text: string): Promise<void> {
    const place = workedIn(this.workIn, this.about);
    await this.attempt(async () => this.thread?.askAgain(runId, text, place));
  }

  private async _sendFork(runId: string, text: string): Promise<void> {
    const { threadId } = this;
    await this.busy(async () => {
      const fork = await this.page.api.fork(threadId ?? '', runId);
      this.message = '';
      this.open(fork.threadId);
      const thread = this.page.thread(fork.threadId);
      await thread.load();
      if (!(await this._sendTo(thread, text, {}))) {
        this.message = text;
      }
    });
  }

  /** Do something that sends; nothing else is sent meanwhile. */
  async busy(work: () => Promise<void>): Promise<void> {
    this._sending = true;
    this.problem = '';
    this.tell();
    try {
      await work();
    } catch (error) {
      this.problem = (error as CallError).message;
    } finally {
      this._sending = false;
      this.tell();
    }
  }

  /** Do something that the server may refuse; why is then shown. */
  async attempt(act: () => Promise<unknown>): Promise<void> {
    this.problem = '';
    try {
      await act();
    } catch (error) {
      this.problem = (error as CallError).message;
    }
    this.tell();
  }

  /** New threads, and this one, are about the notebook in front, or about none. */
  async bind(use: boolean): Promise<void> {
    this.useNotebook = use;
    this.memory.set('useNotebook', use);
    this.tell();
    const { threadId, notebook } = this;
    if (threadId !== null) {
      const place = { notebookPath: notebook?.path ?? null, kernelId: notebook?.kernelId ?? null };
      const changes = use ? place : { notebookPath: null, kernelId: null };
      await this.attempt(() => this.page.api.patchThread(threadId, changes));
    }
  }

  /** The notebook that a message sent now is about. */
  get about(): INotebook | null {
    const { notebook, entry } = this;
    if (notebook === null || !this.useNotebook) {
      return null;
    }
    return entry === undefined || entry.notebookPath === notebook.path ? notebook : null;
  }

  /** The thread that a message goes to; a new one is made. */
  async target(): Promise<Thread> {
    const { thread, about } = this;
    if (thread !== null) {
      return thread;
    }
    const place: JsonObject = about ? { notebookPath: about.path, kernelId: about.kernelId } : {};
    const { threadId } = await this.page.api.createThread(place);
    const text = this.message;
    this.message = '';
    this._show(threadId);
    this._following.made(threadId, about?.path);
    this.message = text;
    const made = this.page.thread(threadId);
    await made.load();
    return made;
  }

  private async _sendTo(thread: Thread, text: string, more: Partial<IStart>): Promise<boolean> {
    const context = await contextOf(text, this.attached, this.workbench);
    const parts = { ...withPictures(text, this.attached), ...(context.length > 0 && { context }) };
    return (await this.startOn(thread, text, { ...parts, ...more })) !== null;
  }

  /** Start a run with the person's choices. */
  startOn(thread: Thread, text: string, more: Partial<IStart>): Promise<IStarted | null> {
    const kernelId = this.about?.kernelId;
    return thread.start({
      prompt: text,
      ...chosen(this.choice),
      ...(kernelId ? { kernelId } : {}),
      ...workedIn(this.workIn, this.about),
      ifRunning: 'queue', // also behind a question that came meanwhile: a message is never a decision
      ...more
    });
  }

  private _show(threadId: string | null): void {
    this._threadId = threadId;
    this.rewriting = null;
    this.memory.set('thread', threadId);
    this.problem = '';
    this.renaming = false;
    this.tell();
  }

  private _notebookChanged(): void {
    const { notebook } = this;
    if (notebook !== null && this._following.front(notebook.path)) {
      this._follow();
    }
    this.tell();
  }

  private _follow(): void {
    const next = this.follows ? this._following.next(this._threadId) : undefined;
    if (next !== undefined) {
      this._show(next);
    }
  }

  private _listChanged(): void {
    if (!this.list.loaded) {
      return;
    }
    this._follow();
    const removed = this.list.removed.some(one => one.thread.threadId === this._threadId);
    if (removed) {
      this._show(null);
    }
    this.tell();
  }

  private readonly _drafts: Drafts;
  private readonly _following: Following;
  private _threadId: string | null;
  private _sending = false;
}
