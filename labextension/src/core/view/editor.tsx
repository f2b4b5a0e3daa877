/** A code editor: the host's, or a text area. */
import { VNode } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { IView } from './view';

export function CodeEditor(props: {
  value: string;
  mimeType: string;
  label: string;
  focus: boolean;
  onChange: (value: string) => void;
  view: IView;
}): VNode {
  const make = props.view.host.editor;
  const element = useRef<HTMLDivElement>(null);
  const onChange = useRef(props.onChange);
  onChange.current = props.onChange;
  useEffect(() => {
    if (make === undefined || element.current === null) {
      return undefined;
    }
    const { value, mimeType, label } = props;
    const editor = make({
      host: element.current,
      value,
      mimeType,
      label,
      onChange: text => onChange.current(text)
    });
    if (props.focus) {
      editor.focus();
    }
    return () => editor.dispose();
  }, [make]);
  if (make !== undefined) {
    return <div class="lobu-editor" ref={element} />;
  }
  return (
    <textarea
      class="lobu-input lobu-input-code"
      aria-label={props.label}
      spellcheck={false}
      rows={Math.min(20, props.value.split('\n').length + 1)}
      value={props.value}
      onInput={event => props.onChange(event.currentTarget.value)}
      ref={area => focusOnce(area, props.focus)}
    />
  );
}

/** Focus a field when its form opens, if the person opened it here; and never again. */
export function focusOnce(
  element: HTMLInputElement | HTMLTextAreaElement | null,
  wanted: boolean
): void {
  if (element !== null && element.dataset.seen === undefined) {
    element.dataset.seen = '1';
    if (wanted) {
      element.focus();
    }
  }
}
