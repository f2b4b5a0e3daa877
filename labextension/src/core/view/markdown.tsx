/** Markdown whose finished blocks are never drawn again while the text grows. */
import { Component, VNode } from 'preact';
import { useRef } from 'preact/hooks';
import { IHost } from '../host';
import { blockHtml, blocks, hasMath, IBlock, plainBlock } from '../text/markdown';
import { morph } from '../text/morph';
import { layTables } from '../text/tables';

const SLOW_MS = 100;
const MOST_FORMULAS = 300; // that are set in one block
const LONGEST_FORMULA = 5000;

/** Have the math in `element` set, unless a typesetter would freeze the page with it. */
export function typeset(element: HTMLElement, host: IHost): void {
  const formulas = element.querySelectorAll('.lobu-math');
  const longest = Math.max(element.textContent?.length ?? 0, 0);
  const heavy = [...formulas].some(each => (each.textContent?.length ?? 0) > LONGEST_FORMULA);
  if (
    formulas.length > MOST_FORMULAS ||
    heavy ||
    (formulas.length === 0 && longest > LONGEST_FORMULA)
  ) {
    return; // its source is shown
  }
  host.typeset?.(element);
}

export function Markdown(props: { text: string; done: boolean; host: IHost }): VNode {
  const slow = useRef(false);
  const began = performance.now();
  const parts = slow.current && !props.done ? plainBlock(props.text) : blocks(props.text);
  // A text that takes long to parse is not parsed again for each word that comes, but once at its end.
  slow.current = slow.current || performance.now() - began > SLOW_MS;
  return (
    <div class="lobu-markdown">
      {parts.map((block, i) => (
        <Block key={i} block={block} done={props.done || i < parts.length - 1} host={props.host} />
      ))}
    </div>
  );
}

interface IBlockProps {
  block: IBlock;
  done: boolean;
  host: IHost;
}

class Block extends Component<IBlockProps> {
  override shouldComponentUpdate(next: IBlockProps): boolean {
    if (next.block.source !== this.props.block.source) {
      this._draw(next);
    } else if (next.done && !this.props.done) {
      this._finish(next);
    }
    return false; // the element is ours
  }

  override componentDidMount(): void {
    this._draw(this.props);
  }

  private _draw(props: IBlockProps): void {
    const template = document.createElement('template');
    template.innerHTML = blockHtml(props.block);
    this._math = hasMath(template.innerHTML);
    layTables(template.content, props.host.trans);
    template.content
      .querySelectorAll<HTMLElement>('.lobu-scrolls, pre')
      .forEach(each => (each.tabIndex = 0)); // what scrolls is reached by keyboard
    if (this._element !== null) {
      morph(this._element, template.content);
    }
    if (props.done) {
      this._finish(props);
    }
  }

  /** Math is set once, when its block is whole: a typesetter replaces nodes. */
  private _finish(props: IBlockProps): void {
    if (this._math && this._element !== null) {
      typeset(this._element, props.host);
      this._math = false;
    }
    if (this._element !== null) {
      props.host.decorate?.(this._element);
    }
  }

  render(): VNode {
    return <div class="lobu-block" dir="auto" ref={element => void (this._element = element)} />;
  }

  private _element: HTMLElement | null = null;
  private _math = false;
}
