/** The list of what can be written here, walked with the arrow keys while the text keeps the focus. */
import { VNode } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { suggestionsOfAgent } from '../../core/agentoptions';
import { completed, ISuggestion, IToken, matching, tokenAt } from '../model/completion';
import { PanelModel } from '../model/panel';

export const LIST_ID = 'lobu-suggestions';

export interface ICompleter {
  shown: ISuggestion[];
  active: number;
  /** Look what fits at the caret. */
  look: (text: string, caret: number) => void;
  close: () => void;
  choose: (suggestion: ISuggestion) => void;
  /** True: the key was for the list. */
  key: (event: KeyboardEvent) => boolean;
}

/** `put` writes the text and sets the caret. */
export function useCompleter(
  model: PanelModel,
  put: (text: string, caret: number) => void
): ICompleter {
  const [shown, setShown] = useState<ISuggestion[]>([]);
  const [active, setActive] = useState(0);
  const token = useRef<IToken | null>(null);
  const known = useRef<ISuggestion[][]>([]); // by where it comes from, as it was last
  const close = (): void => {
    token.current = null;
    setShown([]);
  };
  useEffect(() => close, []);
  const look = (text: string, caret: number): void => {
    const found = tokenAt(text, caret);
    token.current = found;
    setActive(0);
    if (found === null) {
      setShown([]);
      return;
    }
    const show = (all: ISuggestion[]): void => {
      const whole = all.some(one => one.text === found.sign + found.word);
      setShown(whole ? [] : matching(all, found.word)); // what is whole is sent by Enter
    };
    const offers =
      found.sign === '/' ? [Promise.resolve(commands(model))] : model.workbench.suggest(found.word);
    const fits = (one: ISuggestion): boolean => one.text.startsWith(found.sign);
    const parts = offers.map((_, from) => (known.current[from] ?? []).filter(fits));
    show(parts.flat()); // until the kernel answers
    offers.forEach((offer, from) => {
      void offer.then(part => {
        parts[from] = part;
        if (found.sign === '@') {
          model.mentioned.learn(part);
        }
        if (token.current === found) {
          known.current = parts;
          show(parts.flat());
        }
      });
    });
  };
  const choose = (suggestion: ISuggestion): void => {
    if (token.current !== null) {
      const next = completed(model.message, token.current, suggestion);
      close();
      put(next.text, next.caret);
      if (suggestion.text.endsWith('/')) {
        look(next.text, next.caret);
      }
    }
  };
  const key = (event: KeyboardEvent): boolean => {
    if (shown.length === 0 || event.isComposing) {
      return false;
    }
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined) {
      setActive((active + step + shown.length) % shown.length);
    } else if (event.key === 'Tab' || event.key === 'Enter') {
      choose(shown[active]);
    } else if (event.key === 'Escape') {
      close();
    } else {
      return false;
    }
    event.preventDefault();
    return true;
  };
  return { shown, active, look, close, choose, key };
}

export function Suggestions(props: { completer: ICompleter; label: string }): VNode | null {
  const { shown, active, choose } = props.completer;
  if (shown.length === 0) {
    return null;
  }
  return (
    <ul class="lobu-suggestions" id={LIST_ID} role="listbox" aria-label={props.label}>
      {shown.map((one, i) => (
        <li
          key={one.text}
          id={`${LIST_ID}-${i}`}
          role="option"
          aria-selected={i === active}
          class="lobu-suggestion"
          onMouseDown={event => {
            event.preventDefault(); // the text keeps the focus
            choose(one);
          }}
        >
          <span class="lobu-suggestion-text">{one.text}</span>
          <span class="lobu-suggestion-detail">{one.detail}</span>
        </li>
      ))}
    </ul>
  );
}

/** Our commands, and those of the chosen agent whose names none of ours has. */
export function commands(model: PanelModel): ISuggestion[] {
  const ours = model.commands.map(({ name, detail }) => ({ text: `/${name}`, detail }));
  const { thread, choice } = model;
  const theirs = thread === null ? [] : suggestionsOfAgent(thread.state, choice.agent);
  return [...ours, ...theirs.filter(one => !ours.some(({ text }) => text === one.text))];
}
