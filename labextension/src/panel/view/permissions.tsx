/** The page of permissions: approvals that stay, rules of notebooks, limits of the server, MCP servers. */
import { ComponentChildren, VNode } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { CallError } from '../../core/api';
import { isByHand } from '../../core/hand';
import { ITrans } from '../../core/host';
import { visibleLine } from '../../core/text/visible';
import { wordsOf } from '../../core/view/grants';
import { PanelModel } from '../model/panel';
import {
  IListedGrant,
  IMcpServer,
  IPermissions,
  IRules,
  Kind,
  KINDS,
  notebooksOf,
  putRules,
  readPermissions,
  withoutPattern,
  withPattern
} from '../model/permissions';
import { nameOf, titleOf } from './words';

type Act = (event: Event, work: () => Promise<unknown>, said: string) => void;

export function Permissions(props: { model: PanelModel }): VNode {
  const { model } = props;
  const { api, host } = model.page;
  const { trans } = host;
  const [found, setFound] = useState<IPermissions | null>(null);
  const [problem, setProblem] = useState('');
  const [said, setSaid] = useState('');
  const read = async (): Promise<void> => {
    try {
      setFound(await readPermissions(api));
    } catch (error) {
      setProblem((error as CallError).message);
    }
  };
  useEffect(() => {
    void read();
  }, []);
  /** Only a person changes anything: a script in this page may send clicks. */
  const act: Act = (event, work, said) => {
    if (!isByHand(event)) {
      return;
    }
    setProblem('');
    setSaid('');
    void work()
      .then(
        () => setSaid(said),
        (error: CallError) => setProblem(error.message)
      )
      .then(read);
  };
  return (
    <div class="lobu-permissions" data-lm-suppress-shortcuts="true">
      <span class="lobu-sr" role="status">
        {said}
      </span>
      {problem && (
        <p class="lobu-problem" role="alert">
          {problem}
        </p>
      )}
      {found === null ? (
        !problem && <p class="lobu-empty">{trans.__('Loading…')}</p>
      ) : (
        <>
          <Grants found={found} act={act} model={model} />
          {notebooksOf(found, model.notebook?.path ?? null).map(one => (
            <NotebookRules key={one.notebookPath} {...one} act={act} model={model} />
          ))}
          <Limits found={found} trans={trans} />
          <Servers servers={found.mcpServers} trans={trans} />
        </>
      )}
    </div>
  );
}

function Section(props: { title: string; children: ComponentChildren }): VNode {
  return (
    <section class="lobu-permissions-part" aria-label={props.title}>
      <h3>{props.title}</h3>
      {props.children}
    </section>
  );
}

/** One row: what it is, where it comes from, and what can be done about it. */
function Row(props: { what: string; more?: string; children?: ComponentChildren }): VNode {
  return (
    <li>
      <span class="lobu-permissions-what">
        {visibleLine(props.what)}
        {props.more && <small>{visibleLine(props.more)}</small>}
      </span>
      {props.children}
    </li>
  );
}

function Grants(props: { found: IPermissions; act: Act; model: PanelModel }): VNode {
  const { found, act, model } = props;
  const { trans } = model.page.host;
  return (
    <Section title={trans.__('Approvals')}>
      {found.grants.length === 0 && (
        <p class="lobu-empty">{trans.__('Nothing runs without asking because of an approval.')}</p>
      )}
      <ul>
        {found.grants.map(grant => {
          const words = wordsOf(grant, trans);
          return (
            <Row key={grant.grantId} what={words} more={whence(grant, model)}>
              <button
                type="button"
                class="lobu-button"
                aria-label={trans.__('Revoke: %1', words)}
                onClick={event =>
                  act(
                    event,
                    () => model.page.api.revoke(grant.grantId),
                    trans.__('No longer approved: %1', words)
                  )
                }
              >
                {trans.__('Revoke')}
              </button>
            </Row>
          );
        })}
      </ul>
    </Section>
  );
}

/** Where a grant holds, since when, and by whom. */
function whence(grant: IListedGrant, model: PanelModel): string {
  const { trans } = model.page.host;
  const where =
    grant.scope === 'notebook'
      ? (grant.notebookPath ?? '')
      : titleOf(model.list.get(grant.threadId ?? null), trans);
  const since = trans.__('since %1', new Date(grant.createdAt).toLocaleString());
  const until = grant.expiresAt
    ? trans.__('until %1', new Date(grant.expiresAt).toLocaleString())
    : '';
  const by = grant.by && grant.by !== 'owner' ? trans.__('by %1', grant.by) : '';
  return [where, since, until, by].filter(Boolean).join(' · ');
}

function NotebookRules(props: {
  notebookPath: string;
  rules: IRules;
  act: Act;
  model: PanelModel;
}): VNode {
  const { notebookPath, rules, act, model } = props;
  const { trans } = model.page.host;
  const [kind, setKind] = useState<Kind>('ask');
  const [pattern, setPattern] = useState('');
  const put = (event: Event, changed: IRules): void =>
    act(event, () => putRules(model.page.api, notebookPath, changed), trans.__('Saved.'));
  const add = (event: Event): void => {
    const name = pattern.trim();
    if (name) {
      setPattern('');
      put(event, withPattern(rules, kind, name));
    }
  };
  const kinds = kindWords(trans);
  return (
    <Section title={trans.__('Rules of %1', nameOf(notebookPath))}>
      {nameOf(notebookPath) !== visibleLine(notebookPath) && (
        <p class="lobu-permissions-path">{visibleLine(notebookPath)}</p>
      )}
      <label class="lobu-permissions-mode">
        {trans.__('Mode')}
        <select
          class="lobu-picker"
          value={rules.mode ?? ''}
          onChange={event => put(event, { ...rules, mode: event.currentTarget.value || null })}
        >
          {modeWords(trans).map(([value, words]) => (
            <option key={value} value={value} selected={value === (rules.mode ?? '')}>
              {words}
            </option>
          ))}
        </select>
      </label>
      <ul>
        {KINDS.flatMap(kind =>
          (rules[kind] ?? []).map(one => (
            <Row key={`${kind} ${one}`} what={`${kinds[kind]}: ${one}`}>
              <button
                type="button"
                class="lobu-button"
                aria-label={trans.__('Remove: %1', `${kinds[kind]}: ${visibleLine(one)}`)}
                onClick={event => put(event, withoutPattern(rules, kind, one))}
              >
                {trans.__('Remove')}
              </button>
            </Row>
          ))
        )}
      </ul>
      <div class="lobu-permissions-add">
        <select
          class="lobu-picker"
          aria-label={trans.__('What the rule does')}
          value={kind}
          onChange={event => setKind(event.currentTarget.value as Kind)}
        >
          {KINDS.map(one => (
            <option key={one} value={one} selected={one === kind}>
              {kinds[one]}
            </option>
          ))}
        </select>
        <input
          class="lobu-input"
          maxLength={200}
          aria-label={trans.__('Tools, as in write_*')}
          placeholder={trans.__('Tools, as in write_*')}
          value={pattern}
          onInput={event => setPattern(event.currentTarget.value)}
          onKeyDown={event => {
            if (event.key === 'Enter') {
              event.preventDefault();
              add(event);
            }
          }}
        />
        <button type="button" class="lobu-button" disabled={!pattern.trim()} onClick={add}>
          {trans.__('Add')}
        </button>
      </div>
    </Section>
  );
}

function Limits(props: { found: IPermissions; trans: ITrans }): VNode {
  const { found, trans } = props;
  const kinds = kindWords(trans);
  const modes = new Map(modeWords(trans));
  return (
    <Section title={trans.__('Set by the administrator')}>
      <ul>
        <Row what={trans.__('At most: %1', modes.get(found.maxMode) ?? found.maxMode)} />
        {found.layers.flatMap(({ name, rules }) => {
          const of = name === 'server' ? '' : name;
          return [
            ...(rules.mode
              ? [<Row key={`${name} mode`} what={modes.get(rules.mode) ?? rules.mode} more={of} />]
              : []),
            ...KINDS.flatMap(kind =>
              (rules[kind] ?? []).map(one => (
                <Row key={`${name} ${kind} ${one}`} what={`${kinds[kind]}: ${one}`} more={of} />
              ))
            ),
            ...(rules.noGrant ?? []).map(one => (
              <Row key={`${name} no ${one}`} what={trans.__('Asks each time: %1', one)} more={of} />
            ))
          ];
        })}
      </ul>
    </Section>
  );
}

function Servers(props: { servers: IMcpServer[]; trans: ITrans }): VNode {
  const { servers, trans } = props;
  const states = {
    configured: trans.__('Set up'),
    blocked: trans.__('Blocked'),
    'not installed': trans.__('Not installed')
  };
  return (
    <Section title={trans.__('MCP servers')}>
      {servers.length === 0 && (
        <p class="lobu-empty">{trans.__('No MCP servers are set up on this server.')}</p>
      )}
      <ul>
        {servers.map(one => (
          <Row
            key={one.name}
            what={one.name}
            more={[one.reachedBy, one.why ?? ''].filter(Boolean).join(' · ')}
          >
            <span class={`lobu-permissions-state lobu-is-${one.state.replace(' ', '-')}`}>
              {states[one.state]}
            </span>
          </Row>
        ))}
      </ul>
    </Section>
  );
}

function kindWords(trans: ITrans): { [kind in Kind]: string } {
  return {
    allow: trans.__('Run without asking'),
    ask: trans.__('Ask first'),
    deny: trans.__('Never run')
  };
}

function modeWords(trans: ITrans): [string, string][] {
  return [
    ['', trans.__('Default')],
    ['ask', trans.__('Ask first')],
    ['allow', trans.__('Run automatically')],
    ['deny', trans.__('Read-only')]
  ];
}
