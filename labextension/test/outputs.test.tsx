import { IDrawing, INewCell } from '../src/core/host';
import { holdsAll } from '../src/core/text/inert';
import { mount } from '../src/core/view/root';
import { IState, Json, WIDGET_MIME } from '../src/core/wire';
import { called, custom, started, stateOf } from './events';
import { FakeServer, reply, settled } from './fakes';

const VEGA = 'application/vnd.vegalite.v5+json';
const CHART = { mark: 'bar', data: { values: [{ url: 'a', y: 1 }] }, encoding: {} };
const WIDGET = { model_id: 'm1', version_major: 2, version_minor: 0 };
const PNG =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

let unmount = (): void => undefined;

beforeEach(() => {
  window.requestAnimationFrame = draw => Number(setTimeout(() => draw(0), 0));
  window.cancelAnimationFrame = frame => clearTimeout(frame);
});

afterEach(() => {
  unmount();
  document.body.replaceChildren();
});

async function drawn(): Promise<void> {
  for (let i = 0; i < 6; i++) {
    await new Promise(done => setTimeout(done, 0));
    await settled();
  }
}

/** What the surroundings were asked to do. */
class FakeDrawing implements IDrawing {
  readonly drew: [string, Json][] = [];
  readonly cells: string[] = [];
  readonly came: (INewCell | undefined)[] = [];
  widgets = true;
  fails = false;
  ended = 0;

  drawable(data: { [mime: string]: Json }): string | null {
    return VEGA in data ? VEGA : null;
  }

  draw(mime: string, data: { [mime: string]: Json }, element: HTMLElement): Promise<() => void> {
    if (this.fails) {
      return Promise.reject(new Error('no'));
    }
    this.drew.push([mime, data[mime]]);
    element.textContent = `drawn ${mime}`;
    return Promise.resolve(() => void this.ended++);
  }

  hasWidgets(): boolean {
    return this.widgets;
  }

  drawWidget(data: { [mime: string]: Json }, element: HTMLElement): Promise<() => void> {
    return this.draw(WIDGET_MIME, data, element);
  }

  addCell(code: string, _: HTMLElement, more?: INewCell): boolean {
    this.cells.push(code);
    this.came.push(more);
    return true;
  }
}

function ran(...data: { [mime: string]: Json }[]): IState {
  return stateOf(
    started('r1', 'go'),
    ...called('c1', 'run_code', { code: 'chart' }),
    ...data.map((one, index) =>
      custom('lobu.output', {
        toolCallId: 'c1',
        index,
        output: { output_type: 'display_data', data: one, metadata: {} }
      })
    )
  );
}

async function show(
  state: IState,
  more: { drawing?: FakeDrawing; saved?: boolean } = {}
): Promise<HTMLElement> {
  const element = document.body.appendChild(document.createElement('div'));
  const server = new FakeServer();
  const { page } = server;
  page.host = { ...page.host, drawing: more.drawing };
  if (!more.saved) {
    server.answers.set('GET threads/t/snapshot', reply(200, state));
  }
  unmount = mount(element, {
    page,
    threadId: 't',
    runId: more.saved ? 'r1' : null,
    composer: more.saved ? 'waiting' : 'always',
    ...(more.saved ? { saved: state } : {})
  });
  await drawn();
  return element;
}

function button(name: string): HTMLButtonElement {
  const found = [...document.querySelectorAll('button')].find(one => one.textContent === name);
  if (found === undefined) {
    throw new Error(`no button ${name}`);
  }
  return found;
}

test('a chart is drawn by the renderer of the surroundings, and taken away with its card', async () => {
  const drawing = new FakeDrawing();
  const element = await show(ran({ [VEGA]: CHART, 'text/plain': '<chart>' }), { drawing });

  expect(drawing.drew).toEqual([[VEGA, CHART]]);
  expect(element.textContent).toMatch(`drawn ${VEGA}`);
  expect(element.textContent).not.toMatch('<chart>');
  unmount();
  expect(drawing.ended).toBe(1);
});

test('a chart that would load something, or cannot be drawn, is its text and can be a cell', async () => {
  const remote = { ...CHART, data: { url: '/api/contents/secret.csv' } };
  const drawing = new FakeDrawing();
  const element = await show(ran({ [VEGA]: remote, 'text/plain': '<chart>' }), { drawing });

  expect(drawing.drew).toEqual([]);
  expect(element.textContent).toMatch('<chart>');
  button('Add as cell to use it').click();
  expect(drawing.cells).toEqual(['chart']);
  unmount();

  drawing.fails = true;
  const warned = jest.spyOn(console, 'warn').mockImplementation(() => undefined);
  expect(
    (await show(ran({ [VEGA]: CHART, 'text/plain': '<chart>' }), { drawing })).textContent
  ).toMatch('<chart>');
  expect(warned).toHaveBeenCalled();
  warned.mockRestore();
});

test.each([
  [{ data: { url: 'https://example.org/x.csv' } }, false],
  [{ data: { values: [{ url: 'https://example.org' }] } }, true],
  [
    {
      datasets: { a: [{ href: 'x' }] },
      $schema: 'https://vega.github.io/schema/vega-lite/v5.json'
    },
    true
  ],
  [{ mark: 'image', encoding: { url: { field: 'x' } } }, false],
  [{ usermeta: { embedOptions: { patch: 'x' } } }, false],
  [{ layout: { images: [{ source: '/lobu/api/threads' }] } }, false],
  [{ data: [{ name: 'b', source: 'source_0' }] }, true],
  [{ layout: { images: [{ source: 'data:image/png;base64,AAAA' }] } }, true],
  [{ geo: '//example.org/topo.json' }, false],
  [{ mark: { type: 'bar', cursor: 'pointer' } }, true],
  [{ encode: { update: { cursor: { value: 'pointer' } } } }, true],
  [{ mark: { type: 'bar', cursor: 'url(/lobu/api/threads), auto' } }, false],
  [{ encode: { update: { cursor: { signal: "'ur' + 'l(//x)'" } } } }, false],
  [{ encode: { update: { cursor: { value: 'a', signal: 'b' } } } }, false],
  [{ signals: [{ name: 'cursor', update: "'ur' + 'l(//x)'" }] }, false],
  [{ background: 'URL(x)' }, false],
  [{ mark: { type: 'bar', tooltip: true }, data: { values: [{ a: 'an image' }] } }, true],
  [{ mark: { type: 'bar', tooltip: true }, data: { values: [{ image: '/x' }] } }, false],
  [{ mark: { type: 'bar', tooltip: false }, data: { values: [{ image: '/x' }] } }, true],
  [{ data: { values: [{ image: '/x' }] } }, true],
  [{ encoding: { tooltip: [{ field: 'a', title: 'image' }] } }, false],
  [{ tooltip: { signal: "{image: 'https:/' + '/x'}" } }, false],
  [{ tooltip: {}, transform: [{ calculate: '1', as: 'image' }] }, false],
  [{ tooltip: {}, transform: [{ pivot: 'k', value: 'v' }] }, false],
  [{ tooltip: {}, transform: [{ type: 'pivot', field: 'k' }] }, false],
  [{ tooltip: {}, data: { values: 'a,image\n1,/x', format: { type: 'csv' } } }, false],
  [{ tooltip: {}, datasets: { d: [{ k: { image: '/x' } }] } }, false],
  [Array.from({ length: 300_000 }, () => 1), false]
])('what names an address is not given to a renderer: %#', (value, holds) => {
  expect(holdsAll(value as Json)).toBe(holds);
});

test('a live widget is shown when the person asks for it, and its text until then', async () => {
  const drawing = new FakeDrawing();
  const element = await show(ran({ [WIDGET_MIME]: WIDGET, 'text/plain': '100% 20/20' }), {
    drawing
  });

  expect(element.textContent).toMatch('100% 20/20');
  expect(drawing.drew).toEqual([]);
  button('Show live widget').click();
  await drawn();
  expect(drawing.drew).toEqual([[WIDGET_MIME, WIDGET]]);
});

test('a bar at its end, and an empty display, take no room for buttons', async () => {
  const bar = { [WIDGET_MIME]: WIDGET, 'text/plain': 'rows: 100% ██████████ 20/20' };
  const blank = { 'text/html': '<pre style="white-space: pre"></pre>\n', 'text/plain': '' };
  const element = await show(ran(bar, blank), { drawing: new FakeDrawing() });

  expect(element.textContent).toMatch('20/20');
  expect(element.textContent).not.toMatch(/live widget|Add as cell/);
  expect(element.querySelectorAll('.lobu-output')[1].childElementCount).toBe(0);
});

test('without a widget manager the code can be added as a cell', async () => {
  const drawing = new FakeDrawing();
  drawing.widgets = false;
  const element = await show(ran({ [WIDGET_MIME]: WIDGET, 'text/plain': 'Slider' }), { drawing });

  expect(element.textContent).not.toMatch('Show live widget');
  button('Add as cell to use it').click();
  expect(drawing.cells).toEqual(['chart']);
});

test.each([
  [{ 'application/javascript': 'window.x = 1', 'text/plain': '<js>' }],
  [{ 'text/html': '<script>window.x = 1</script>', 'text/plain': '<js>' }],
  [
    {
      'text/html': '<iframe srcdoc="x"></iframe>Make this Notebook Trusted to load map',
      'text/plain': '<js>'
    }
  ],
  [
    {
      'application/vnd.bokehjs_exec.v0+json': '',
      'text/html': '<div id="b"></div>',
      'text/plain': '<js>'
    }
  ]
])('what takes scripts never runs here: %#', async data => {
  const drawing = new FakeDrawing();
  const element = await show(ran(data), { drawing });

  expect(drawing.drew).toEqual([]);
  expect(element.querySelector('script, iframe')).toBeNull();
  expect(element.textContent).not.toMatch('Make this Notebook Trusted');
  expect(button('Add as cell to use it')).toBeTruthy();
});

test('of a saved copy nothing is given to other renderers, and nothing is offered', async () => {
  const drawing = new FakeDrawing();
  const data = { [VEGA]: CHART, [WIDGET_MIME]: WIDGET, 'text/plain': '<chart>' };
  const element = await show(ran(data), { drawing, saved: true });

  expect(drawing.drew).toEqual([]);
  expect(element.textContent).toMatch('<chart>');
  expect(element.textContent).not.toMatch(/Add as cell|live widget/);
});

test('a figure opens large, is closed with Escape, and the focus returns', async () => {
  HTMLDialogElement.prototype.showModal = function () {
    this.open = true;
    this.querySelector('button')?.focus();
  };
  HTMLDialogElement.prototype.close = function () {
    this.open = false;
    this.dispatchEvent(new Event('close'));
  };
  const element = await show(ran({ 'image/png': PNG, 'text/plain': '<Figure>' }));
  const figure = element.querySelector<HTMLButtonElement>('.lobu-figure-open');
  figure?.focus();
  figure?.click();
  await drawn();

  const dialog = document.querySelector('dialog');
  expect(dialog?.querySelector('img')?.src).toBe(`data:image/png;base64,${PNG}`);
  const saved: string[] = [];
  jest.spyOn(HTMLAnchorElement.prototype, 'click').mockImplementation(function (
    this: HTMLAnchorElement
  ) {
    saved.push(this.download);
  });
  button('Save image').click();
  expect(saved).toEqual(['figure.png']);
  button('Close').click();
  expect(document.querySelector('dialog')).toBeNull();
  expect(document.activeElement).toBe(figure);
});

test('what went with a message stands under it: variables, files, pictures', async () => {
  const content = [
    { type: 'text', text: 'look' },
    { type: 'image', source: { type: 'data', mimeType: 'image/png', value: PNG } },
    {
      type: 'image',
      source: { type: 'url', mimeType: 'image/png', value: 'https://example.org/x.png' }
    }
  ];
  const context = [
    'The variable sales (DataFrame (4, 2))',
    'The file a.csv',
    'Something\u202e else'
  ];
  const element = await show(
    stateOf({
      ...started('r1', 'go'),
      input: {
        messages: [{ id: 'u', role: 'user', content }],
        context: context.map(description => ({ description, value: 'x' }))
      }
    })
  );
  const sent = element.querySelector('.lobu-sent');

  expect([...(sent?.querySelectorAll('.lobu-chip') ?? [])].map(one => one.textContent)).toEqual([
    'sales',
    'a.csv',
    'Something\\u202e else'
  ]);
  expect([...(sent?.querySelectorAll('img') ?? [])].map(one => one.src)).toEqual([
    `data:image/png;base64,${PNG}`
  ]);
});

test('code that ran becomes a cell with its outputs and its origin, or is opened in one to be edited', async () => {
  const drawing = new FakeDrawing();
  const state = ran({ 'text/plain': '42' });
  state.items.filter(item => item.kind === 'tool').forEach(item => (item.status = 'done'));
  await show(state, { drawing });
  document.querySelector<HTMLElement>('.lobu-card-head')?.click();
  await drawn();

  button('Add as cell').click();
  button('Open in cell').click();

  expect(drawing.cells).toEqual(['chart', 'chart']);
  expect(drawing.came).toMatchObject([
    {
      outputs: [{ output_type: 'display_data', data: { 'text/plain': '42' } }],
      made: { threadId: 't', runId: 'r1', toolCallId: 'c1' }
    },
    { edit: true }
  ]);
});

test('a saved copy offers nothing to do with its code', async () => {
  const drawing = new FakeDrawing();
  const state = ran({ 'text/plain': '42' });
  state.items.filter(item => item.kind === 'tool').forEach(item => (item.status = 'done'));
  await show(state, { drawing, saved: true });
  document.querySelector<HTMLElement>('.lobu-card-head')?.click();
  await drawn();

  expect(() => button('Add as cell')).toThrow();
});

test('real altair and bokeh outputs say what they are: no card is blank', async () => {
  const drawing = new FakeDrawing();
  const element = await show(
    ran(
      {
        // of altair 6.3
        'text/html':
          '<style>#altair-viz-1.vega-embed { width: 100%; }</style><div id="altair-viz-1"></div>' +
          '<script type="text/javascript">var VEGA_DEBUG = {};</script>',
        'text/plain': 'alt.Chart(...)'
      },
      {
        'application/javascript': '(function(root) {})',
        'application/vnd.bokehjs_load.v0+json': ''
      },
      { 'application/vnd.bokehjs_exec.v0+json': '', 'application/javascript': 'embed()' }
    ),
    { drawing }
  );

  const outputs = [...element.querySelectorAll('.lobu-output')].map(one => one.textContent ?? '');
  expect(outputs).toHaveLength(3);
  expect(outputs[0]).toMatch(/^alt\.Chart\(\.\.\.\)/);
  expect(outputs[1]).toMatch(/^A chart or page that needs JavaScript/);
  expect(outputs[2]).toMatch(/^A chart or page that needs JavaScript/);
  expect(outputs.every(one => one.includes('Add as cell to use it'))).toBe(true);
});
