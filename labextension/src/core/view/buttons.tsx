/** The buttons of a card: Approve, Reject, and a menu with the rest. */
import { VNode } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { grantable, optionsOf } from '../decide';
import { ITrans } from '../host';
import { visible } from '../text/visible';
import { Grant, IInterrupt } from '../wire';
import { Controls } from './controls';
import { chord } from './keys';
import { Options } from './options';
import { IView } from './view';

export interface IAction {
  name: string;
  words: string;
  run: () => void;
}

export function Buttons(props: { controls: Controls; view: IView }): VNode {
  const { controls, view } = props;
  const { trans } = view;
  if (optionsOf(controls.interrupt).length > 0) {
    return <Options controls={controls} view={view} />;
  }
  return (
    <More actions={actionsOf(controls, trans)} trans={trans}>
      {controls.offers('approve') && (
        <button
          class="lobu-button lobu-primary"
          title={trans.__('Approve (%1, or A on the card)', chord('Enter', trans))}
          onClick={() => controls.approve()}
        >
          {trans.__('Approve')}
        </button>
      )}
      {controls.offers('reject') && (
        <button
          class="lobu-button"
          title={trans.__('Reject (%1, or R on the card)', chord('Backspace', trans))}
          onClick={() => controls.reject()}
        >
          {trans.__('Reject')}
        </button>
      )}
    </More>
  );
}

/** What else can be done with the question: edit it, reply to it, or approve all such calls. */
function actionsOf(controls: Controls, trans: ITrans): IAction[] {
  const actions: IAction[] = [];
  if (controls.offers('edit')) {
    actions.push({ name: 'edit', words: trans.__('Edit'), run: () => controls.edit() });
  }
  if (controls.offers('respond')) {
    actions.push({
      name: 'respond',
      words: trans.__('Reply without running'),
      run: () => controls.choose({ kind: 'respond', response: '' })
    });
  }
  return [...actions, ...grantActions(controls, trans)];
}

/** The standing approvals that the question may get. */
export function grantActions(controls: Controls, trans: ITrans): IAction[] {
  return grantable(controls.interrupt)
    ? grantsOf(controls.interrupt, trans).map(([grant, words]) => ({
        name: grant,
        words,
        run: () => controls.approve(grant)
      }))
    : [];
}

/** The grants that a question may be approved with, and what each gives away. */
function grantsOf(interrupt: IInterrupt, trans: ITrans): [Grant, string][] {
  const tool = visible(interrupt.metadata?.lobu?.toolName ?? '');
  const exact: [Grant, string] = ['call', trans.__('Always allow this exact call in this chat')];
  if (tool === 'run_code') {
    return [
      exact,
      ['thread', trans.__('Always allow simple code in this chat')],
      ['notebook', trans.__('Always allow simple code in this notebook')]
    ];
  }
  return [
    exact,
    ['thread_all', trans.__('Always allow %1 in this chat, whatever it does', tool)],
    ['notebook_all', trans.__('Always allow %1 in this notebook, whatever it does', tool)]
  ];
}

/** A row of buttons that ends with a menu of further actions, which opens below it. */
export function More(props: {
  actions: IAction[];
  trans: ITrans;
  class?: string;
  children: (VNode | false)[] | VNode;
}): VNode {
  const { actions, trans } = props;
  const [open, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const items = (): HTMLElement[] => [
    ...(root.current?.querySelectorAll<HTMLElement>('[role=menuitem]') ?? [])
  ];
  const close = (): void => {
    setOpen(false);
    root.current?.querySelector<HTMLElement>('[aria-haspopup]')?.focus();
  };
  useEffect(() => {
    if (open) {
      items()[0]?.focus();
    }
  }, [open]);
  const walk = (event: KeyboardEvent): void => {
    const all = items();
    const at = all.indexOf(document.activeElement as HTMLElement);
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === 'Escape') {
      close();
    } else if (step !== undefined) {
      all[(at + step + all.length) % all.length]?.focus();
    } else if (event.key === 'Home' || event.key === 'End') {
      all[event.key === 'Home' ? 0 : all.length - 1]?.focus();
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div ref={root}>
      <div class={`lobu-buttons ${props.class ?? ''}`}>
        {props.children}
        {actions.length > 0 && (
          <button
            class="lobu-button lobu-more"
            aria-haspopup="menu"
            aria-expanded={open}
            aria-label={trans.__('More actions')}
            title={trans.__('More actions')}
            onClick={() => setOpen(!open)}
          >
            …
          </button>
        )}
      </div>
      {open && (
        <div class="lobu-menu" role="menu" aria-label={trans.__('More actions')} onKeyDown={walk}>
          {actions.map(({ name, words, run }) => (
            <button
              key={name}
              class="lobu-menu-item"
              role="menuitem"
              tabIndex={-1}
              onClick={() => {
                setOpen(false);
                run();
              }}
            >
              {words}
            </button>
          ))}
        </div>
      )}
    </div>
  );
}
