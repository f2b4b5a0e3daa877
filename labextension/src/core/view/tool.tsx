/** The card of a tool call: one line when done; what it does, what came of it, what is decided. */
import { ComponentChild, Fragment, VNode } from 'preact';
import { member, parsed } from '../text/args';
import { compare, unified } from '../text/diff';
import { languageOf } from '../text/highlight';
import { lineOf, stepsOf } from '../text/plan';
import { partsOf } from '../text/shown';
import { visible, visibleLine } from '../text/visible';
import { textOf } from '../run';
import { IInterrupt, IToolItem, JsonObject } from '../wire';
import { Code, Diff, JsonView, Terminal, Visible } from './code';
import { CodeActions } from './codeactions';
import { isDecidable } from './controls';
import { Decide } from './decide';
import { coverage } from './grants';
import { isRich, isShort, Output } from './outputs';
import { Asked, languageIn, Short } from './shown';
import { sentence, Tense, tenseOf } from './titles';
import { duration, IView, useLive, useNow } from './view';

export function ToolCard(props: {
  item: IToolItem;
  interrupt: IInterrupt | undefined;
  live: boolean;
  /** It is open, if the person has not shut it. */
  opens?: boolean;
  view: IView;
}): VNode {
  const { item, interrupt, view } = props;
  // What is to be decided is seen: its card does not shut.
  const asks = interrupt !== undefined && isDecidable(interrupt, view);
  const open =
    asks ||
    (view.thread.opened.get(item.id) ??
      (props.opens || item.status !== 'done' || (isUndone(item) && !wasRejected(item))));
  const toggle = (): void => {
    view.thread.opened.set(item.id, !open);
    view.redraw();
  };
  const body = `lobu-${item.id}`;
  const lapsed = view.saved === true || (interrupt !== undefined && !asks);
  const tool = interrupt?.metadata?.lobu?.toolName ?? item.name;
  const tense = tenseOf(item, asks, props.live);
  const title = titleOf(item, tool, interrupt, tense, view);
  return (
    <section class={`lobu-card lobu-is-${looks(item, lapsed)}`} aria-label={title}>
      <button
        class="lobu-card-head"
        title={visibleLine(tool)}
        aria-expanded={open}
        aria-controls={body}
        onClick={toggle}
      >
        <span class="lobu-card-mark" aria-hidden="true" />
        <span class="lobu-card-name">{title}</span>
        <span class="lobu-card-what">{open ? '' : visibleLine(headline(item))}</span>
        <Standing
          item={item}
          live={props.live}
          lapsed={lapsed}
          elsewhere={interrupt?.reason === 'client_tool'}
          view={view}
        />
      </button>
      <div id={body} class="lobu-card-body" hidden={!open}>
        {open && <ToCell id={item.id} args={argsOf(item, interrupt)} view={view} />}
        {open && <Arguments item={item} interrupt={interrupt} view={view} />}
        {open && <Results item={item} view={view} />}
        {open && <Actions item={item} view={view} />}
      </div>
      {!open &&
        item.outputs
          .filter(o => isRich(o) || isShort(o))
          .map((o, i) => <Output key={i} output={o} view={view} code={codeOf(item)} />)}
      <Decided item={item} view={view} />
      {item.note && <p class="lobu-note">{item.note}</p>}
      {interrupt && <Decide interrupt={interrupt} title={title} view={view} />}
    </section>
  );
}

/** The card's sentence, with the arguments that it stands for. */
function titleOf(
  item: IToolItem,
  tool: string,
  interrupt: IInterrupt | undefined,
  tense: Tense,
  view: IView
): string {
  return sentence(tool, argsOf(item, interrupt), tense, view.host);
}

function argsOf(item: IToolItem, interrupt: IInterrupt | undefined): JsonObject {
  return interrupt?.metadata?.lobu?.args ?? effective(item);
}

/** The way to the cell that a call is about, as far as an open notebook has it. */
function ToCell(props: { id: string; args: JsonObject; view: IView }): VNode | null {
  const { host, trans } = props.view;
  const cell = props.args.cell ?? host.cellOf?.(props.id);
  const name = typeof cell === 'string' ? host.cellName?.(cell) : null;
  return typeof cell === 'string' && name ? (
    <button
      type="button"
      class="lobu-button lobu-quiet lobu-to-cell"
      onClick={() => host.showCell?.(cell)}
    >
      {trans.__('Go to %1', name)}
    </button>
  ) : null;
}

function looks(item: IToolItem, lapsed: boolean): string {
  if (wasRejected(item)) {
    return 'rejected';
  }
  return hasFailed(item) || isUndone(item) ? 'failed' : lapsed ? 'done' : item.status;
}

/** A person said no, so it did not run. */
function wasRejected(item: IToolItem): boolean {
  return item.decision?.decision.kind === 'reject';
}

function hasFailed(item: IToolItem): boolean {
  return item.status === 'done' && item.outputs.some(o => o.output_type === 'error');
}

/** The call was refused, came too late or failed: its result says why, and is not to be overlooked. */
function isUndone(item: IToolItem): boolean {
  return item.status === 'done' && item.ok === false && !hasFailed(item);
}

/** What a call is about, in a line. */
function headline(item: IToolItem): string {
  const args = effective(item);
  const asked = questions(item);
  if (asked.length > 0) {
    return asked.join(' ');
  }
  for (const name of ['code', 'path', 'name', 'command', 'query']) {
    if (typeof args[name] === 'string' && args[name]) {
      const [line, ...more] = args[name].trim().split('\n');
      return more.length > 0 ? `${line} …` : line;
    }
  }
  return Object.keys(args).length > 0 ? JSON.stringify(args) : '';
}

/** The arguments as they ran: as edited, or as the agent gave them. */
function effective(item: IToolItem): JsonObject {
  return item.decision?.decision.editedArgs ?? parsed(item.args) ?? {};
}

/** The code that ran, for a cell of its own. */
function codeOf(item: IToolItem): string | undefined {
  const { code } = effective(item);
  return typeof code === 'string' ? code : undefined;
}

/** Of code that ran, in a live thread. */
function Actions(props: { item: IToolItem; view: IView }): VNode | null {
  const { item, view } = props;
  const code = codeOf(item);
  const ran = item.name === 'run_code' && item.status === 'done' && !wasRejected(item);
  return ran && code !== undefined && view.saved !== true ? (
    <CodeActions item={item} code={code} view={view} />
  ) : null;
}

function Standing(props: {
  item: IToolItem;
  live: boolean;
  lapsed: boolean;
  /** An application runs the call, and answers. */
  elsewhere: boolean;
  view: IView;
}): VNode {
  const { item, view } = props;
  const { trans } = view;
  const running = props.live && item.status === 'running' && item.startedAt !== undefined;
  const connected = useLive(view.page);
  const now = useNow(running && connected);
  const words: { [status: string]: string } = {
    streaming: props.live ? trans.__('writing…') : trans.__('stopped'),
    running: props.live ? trans.__('running') : trans.__('stopped'),
    waiting: props.lapsed
      ? trans.__('Not run')
      : props.elsewhere
        ? trans.__('Waiting for the application')
        : trans.__('Needs approval'),
    done: hasFailed(item) ? trans.__('error') : isUndone(item) ? trans.__('failed') : ''
  };
  const took = item.status === 'waiting' ? 0 : tookOf(item, running ? now : undefined);
  const said = wasRejected(item) ? trans.__('Rejected') : words[item.status];
  return (
    <span class="lobu-card-standing">
      {[said, wasRejected(item) ? '' : duration(took)].filter(Boolean).join(' · ')}
    </span>
  );
}

/** Milliseconds that a call took, or takes until `now`: from the person's decision on, if it was asked about. */
export function tookOf(item: IToolItem, now?: number): number {
  const until = item.endedAt ?? now;
  if (item.startedAt === undefined || until === undefined) {
    return 0;
  }
  const decided = item.decision?.at ? Date.parse(item.decision.at) : 0;
  return Math.max(0, until - Math.max(item.startedAt, decided));
}

function Arguments(props: {
  item: IToolItem;
  interrupt: IInterrupt | undefined;
  view: IView;
}): ComponentChild {
  const { item, interrupt, view } = props;
  if (interrupt) {
    return <Asked interrupt={interrupt} item={item} view={view} />;
  }
  const asked = questions(item);
  if (asked.length > 0) {
    return <Answered questions={asked} item={item} />;
  }
  const edited = item.decision?.decision.editedArgs;
  return (
    <>
      {item.diff && <Decision diff={item.diff} item={item} view={view} />}
      {edited !== undefined ? (
        <Edited before={parsed(item.args) ?? {}} after={edited} view={view} />
      ) : (
        !item.diff && <Given args={item.args} view={view} />
      )}
    </>
  );
}

/** What the person decided about: also what was deleted can be read later. */
function Decision(props: { diff: string; item: IToolItem; view: IView }): VNode {
  const { diff, item, view } = props;
  return (
    <Diff
      lines={unified(diff, view.trans)}
      label={view.trans.__('Changes')}
      language={languageIn(effective(item))}
    />
  );
}

/** The questions of a call that asks the person, and does nothing else. */
function questions(item: IToolItem): string[] {
  const args = effective(item);
  const asked = item.name === 'ask_user' && Array.isArray(args.questions) ? args.questions : [];
  return asked.map(one => (one as JsonObject | null)?.question).filter(q => typeof q === 'string');
}

function Answered(props: { questions: string[]; item: IToolItem }): VNode {
  const answers = Object.values(props.item.decision?.decision.answers ?? {});
  return (
    <dl class="lobu-asked">
      {props.questions.map((question, i) => (
        <Fragment key={i}>
          <dt>{visible(question)}</dt>
          <dd>{[answers[i] ?? ''].flat().map(String).join(', ')}</dd>
        </Fragment>
      ))}
    </dl>
  );
}

/** The arguments of a call as the agent gave them: JSON text, whole or still being written. */
export function Given(props: { args: string; view: IView }): ComponentChild {
  const code = member(props.args, 'code');
  const content = member(props.args, 'content');
  const whole = parsed(props.args);
  if (whole === null) {
    const path = member(props.args, 'path') ?? '';
    return (
      <>
        {code !== null && <Code code={code} language="python" />}
        {content !== null && <Code code={content} language={languageOf(path)} />}
        {code === null && content === null && <Code code={props.args} language="json" />}
      </>
    );
  }
  const { old, new: now } = whole;
  const changes = typeof old === 'string' && typeof now === 'string' ? compare(old, now) : null;
  const parts = partsOf(whole).filter(
    ({ name }) => changes === null || (name !== 'old' && name !== 'new') // all of their lines are in the diff
  );
  const short = parts.filter(part => !part.block);
  return (
    <>
      {short.length > 0 && <Short parts={short} />}
      {changes !== null && (
        <Diff lines={changes} label={props.view.trans.__('Changes')} language={languageIn(whole)} />
      )}
      {parts
        .filter(part => part.block)
        .map(part => (
          <Fragment key={part.name}>
            {part.name !== 'code' && (
              <p class="lobu-part-head lobu-part-name">
                <Visible text={part.name} line />
              </p>
            )}
            <Code code={part.text} language={part.language} />
          </Fragment>
        ))}
    </>
  );
}

function Edited(props: { before: JsonObject; after: JsonObject; view: IView }): VNode {
  const { before, after, view } = props;
  const label = view.trans.__('Your changes');
  if (typeof before.code === 'string' && typeof after.code === 'string') {
    return <Diff lines={compare(before.code, after.code)} label={label} language="python" />;
  }
  const text = (args: JsonObject): string =>
    stepsOf(args.steps)?.map(lineOf).join('\n') ?? JSON.stringify(args, null, 2);
  return <Diff lines={compare(text(before), text(after))} label={label} language="json" />;
}

function Results(props: { item: IToolItem; view: IView }): ComponentChild {
  const { item, view } = props;
  if (item.decision?.decision.kind === 'answer') {
    return null; // the answers stand beside their questions
  }
  if (item.outputs.length > 0) {
    return item.outputs.map((output, i) => (
      <Output key={i} output={output} view={view} code={codeOf(item)} />
    ));
  }
  const result = item.result === undefined ? '' : textOf(item.result);
  if (result) {
    return <Terminal text={result} />;
  }
  return item.result ? <JsonView value={item.result} /> : null;
}

/** Who decided what, and when. */
export function Decided(props: { item: IToolItem; view: IView }): VNode | null {
  const { decision: decided } = props.item;
  if (decided === undefined) {
    return null;
  }
  const { trans } = props.view;
  const { kind, reason, grant, answers } = decided.decision;
  const by = decided.by && decided.by !== 'owner' ? decided.by : trans.__('you');
  const words: { [kind: string]: string } = {
    approve: trans.__('Approved by %1', by),
    edit: trans.__('Edited and approved by %1', by),
    reject: trans.__('Rejected by %1', by),
    respond: trans.__('Replied to by %1 without running', by),
    answer: trans.__('Answered by %1', by)
  };
  const always = grant
    ? trans.__('%1 runs without asking', coverage(grant, props.item.name, trans))
    : '';
  const at = decided.at ? new Date(decided.at).toLocaleTimeString() : '';
  return (
    <p class={`lobu-decided lobu-decided-${kind}`}>
      {[words[kind] ?? kind, always, at].filter(Boolean).join(' · ')}
      {reason ? `: ${reason}` : ''}
      {answers ? `: ${Object.values(answers).flat().map(String).join(', ')}` : ''}
    </p>
  );
}
