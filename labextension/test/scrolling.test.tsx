import { render } from 'preact';
import { act } from 'preact/test-utils';
import { Thread } from '../src/core/thread';
import { PanelModel } from '../src/panel/model/panel';
import { useScrolling } from '../src/panel/view/scrolling';

test('who has just scrolled up is not taken back to the end by what is drawn before the scroll event', () => {
  const thread = { threadId: 't', state: { items: [] }, presence: 'ready' };
  const model = { places: new Map<string, unknown>() };
  const View = () => {
    const { root } = useScrolling(thread as unknown as Thread, model as unknown as PanelModel);
    return <div ref={root} />;
  };
  Object.defineProperty(HTMLElement.prototype, 'scrollHeight', { get: () => 1000 });
  Object.defineProperty(HTMLElement.prototype, 'clientHeight', { get: () => 100 });
  const draw = (): void => void act(() => render(<View />, document.body));
  draw();
  const scroller = document.body.firstElementChild as HTMLElement;
  expect(scroller.scrollTop).toBe(1000);

  scroller.scrollTop = 200;
  draw();
  void act(() => void scroller.dispatchEvent(new Event('scroll')));

  expect(scroller.scrollTop).toBe(200);
  expect(model.places.get('t')).toMatchObject({ top: 200, end: false });
});
