/** A border around a part of a view: what cannot be drawn is named in its place, and the rest is drawn. */
import { Component, ComponentChildren, VNode } from 'preact';
import { IView } from './view';

interface IBoundaryProps {
  /** What is drawn; another one, or another version of it, is tried anew. */
  of: unknown;
  version?: number;
  trans: IView['trans'];
  children: ComponentChildren;
}

export class Boundary extends Component<IBoundaryProps, { failed: boolean }> {
  override state = { failed: false };

  override componentDidCatch(error: unknown): void {
    console.warn('lobu: a part of a transcript cannot be drawn', error);
    this.setState({ failed: true });
  }

  override componentWillReceiveProps(next: IBoundaryProps): void {
    if (this.state.failed && (next.of !== this.props.of || next.version !== this.props.version)) {
      this.setState({ failed: false });
    }
  }

  render({ children, of, trans }: IBoundaryProps): ComponentChildren | VNode {
    if (!this.state.failed) {
      return children;
    }
    return (
      <details class="lobu-raw" role="group">
        <summary>{trans.__('Can’t show this part')}</summary>
        <pre>{raw(of)}</pre>
      </details>
    );
  }
}

const LONGEST = 10_000;

function raw(value: unknown): string {
  try {
    return (JSON.stringify(value, null, 1) ?? '').slice(0, LONGEST);
  } catch {
    return '';
  }
}
