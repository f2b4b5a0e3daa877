/** The message that is being written: its keys, its completions, and what was sent before. */
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { PanelModel } from '../model/panel';
import { ICompleter, useCompleter } from './completer';

const TALLEST = 220; // px

export interface IMessage {
  area: { current: HTMLTextAreaElement | null };
  completer: ICompleter;
  send: () => void;
  onInput: (area: HTMLTextAreaElement) => void;
  onKeyDown: (event: KeyboardEvent & { currentTarget: HTMLTextAreaElement }) => void;
}

export function useMessage(model: PanelModel): IMessage {
  const area = useRef<HTMLTextAreaElement>(null);
  const recalled = useRecall(model);
  useLayoutEffect(() => grow(area.current), [model.message]);
  useEffect(() => {
    if (model.focusWanted > 0) {
      area.current?.focus();
    }
  }, [model.focusWanted]);
  const completer = useCompleter(model, (text, caret) => {
    model.message = text;
    if (area.current !== null) {
      area.current.value = text;
      area.current.setSelectionRange(caret, caret);
      area.current.focus();
    }
  });
  const send = (): void => {
    recalled.forget();
    completer.close();
    void model.send();
  };
  return {
    area,
    completer,
    send,
    onInput: ({ value, selectionStart }) => {
      recalled.forget();
      model.message = value;
      completer.look(value, selectionStart);
    },
    onKeyDown: event => {
      const chord = event.ctrlKey || event.metaKey;
      if (!chord && !event.altKey) {
        event.stopPropagation(); // what is typed is no shortcut; a chord may be one
      }
      if (completer.key(event)) {
        return;
      }
      if (chord && /^(Enter|Backspace)$/.test(event.key)) {
        if (!event.currentTarget.value.trim()) {
          return; // the commands that approve and reject the card that waits
        }
        event.stopPropagation(); // what is written is sent or edited: that decides nothing
      }
      if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        send();
      } else if (recalled.key(event)) {
        event.preventDefault();
      }
    }
  };
}

/** Arrow up and down go through what was sent before. */
function useRecall(model: PanelModel): {
  forget: () => void;
  key: (event: KeyboardEvent & { currentTarget: HTMLTextAreaElement }) => boolean;
} {
  const past = useRef(-1);
  const recall = (step: number): boolean => {
    const { history, message } = model;
    const next = past.current + step;
    if (next < -1 || next >= history.length || (past.current < 0 && message.trim())) {
      return false;
    }
    past.current = next;
    model.message = next < 0 ? '' : history[next];
    return true;
  };
  return {
    forget: () => (past.current = -1),
    key: event => {
      const { selectionStart, selectionEnd, value } = event.currentTarget;
      if (selectionStart !== selectionEnd || event.shiftKey) {
        return false;
      }
      if (event.key === 'ArrowUp' && !value.slice(0, selectionStart).includes('\n')) {
        return recall(1);
      }
      if (event.key === 'ArrowDown' && past.current >= 0) {
        recall(-1);
        return true;
      }
      return false;
    }
  };
}

/** As tall as its text, up to a limit. */
function grow(area: HTMLTextAreaElement | null): void {
  if (area !== null) {
    area.style.height = 'auto';
    area.style.height = `${Math.min(TALLEST, area.scrollHeight)}px`;
  }
}
