/** Markdown whose finished blocks are never drawn again while the text grows. */
import { Component, VNode } from 'preact';
import { IHost } from '../host';
import { blockHtml, blocks, hasMath, IBlock } from '../text/markdown';
import { morph } from '../text/morph';

export function Markdown(props: { text: string; done: boolean; host: IHost }): VNode {
  const parts = blocks(props.text);
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
      props.host.typeset?.(this._element);
      this._math = false;
    }
    if (this._element !== null) {
      props.host.decorate?.(this._element);
    }
  }

  render(): VNode {
    return <div class="lobu-block" ref={element => void (this._element = element)} />;
  }

  private _element: HTMLElement | null = null;
  private _math = false;
}
