/**
 * HTML from models, tools and files, made inert: no script, no remote load, no form, nothing that
 * could cover or restyle the page.
 */
import createDOMPurify, { Config, DOMPurify } from 'dompurify';
import { firstRows } from './rows';
import { inlined } from './styles';

const LINK = /^(https?:|mailto:)/i;
const IMAGE = /^data:image\/(png|jpe?g|gif|webp);base64,/i;
const CLASS = /^(lobu-|hljs)/;
/** How much a table had before it was cut: see rows.ts. */
const CUT = /^lobu-of-\d{1,9}-\d{1,9}$/;
const GRADIENT = /^(?:(?:linear-gradient|rgba?|hsla?)\(|[\w\s#.,%/+)-])*$/; // no address
const STYLES = [
  'text-align',
  'vertical-align',
  'white-space',
  'color',
  'background-color',
  'background-image',
  'font-weight',
  'font-style',
  'text-decoration'
];

const CONFIG: Config = {
  ALLOWED_TAGS: [
    ...['a', 'abbr', 'b', 'blockquote', 'br', 'caption', 'code', 'col', 'colgroup', 'dd', 'del'],
    ...['details', 'div', 'dl', 'dt', 'em', 'figcaption', 'figure', 'h1', 'h2', 'h3', 'h4', 'h5'],
    ...['h6', 'hr', 'i', 'img', 'ins', 'kbd', 'li', 'mark', 'ol', 'p', 'pre', 'q', 's', 'samp'],
    ...['small', 'span', 'strong', 'sub', 'summary', 'sup', 'table', 'tbody', 'td', 'tfoot', 'th'],
    ...['thead', 'tr', 'tt', 'u', 'ul', 'var', 'wbr', 'input']
  ],
  ALLOWED_ATTR: [
    ...['align', 'alt', 'class', 'checked', 'colspan', 'dir', 'disabled', 'height', 'href', 'lang'],
    ...['open', 'reversed', 'rowspan', 'scope', 'span', 'src', 'start', 'style', 'title', 'type'],
    ...['valign', 'width']
  ],
  ALLOW_ARIA_ATTR: false,
  ALLOW_DATA_ATTR: false
};

let purify: DOMPurify | null = null;

/** Inert HTML of `html`, which a model, a tool or a file wrote: none of its classes is kept. Tables are cut. */
export function sanitize(html: string): string {
  return purified(inlined(firstRows(html), harmless), false);
}

/** Inert HTML of what our own renderers made, with our own classes: foreign text in it is escaped. */
export function sanitizeOwn(html: string): string {
  return purified(html, true);
}

let own = false;

function purified(html: string, ours: boolean): string {
  purify ??= purifier();
  own = ours;
  return purify.sanitize(html, CONFIG);
}

function purifier(): DOMPurify {
  const made = createDOMPurify(window);
  made.addHook('uponSanitizeAttribute', (_node, data) => {
    if (data.attrName === 'style') {
      data.attrValue = harmless(data.attrValue);
    } else if (data.attrName === 'class') {
      // A class of ours or of the surrounding application may be as powerful as a style: with ours,
      // a text could pose as a card.
      const kept = own ? CLASS : CUT;
      data.attrValue = data.attrValue
        .split(/\s+/)
        .filter(c => kept.test(c))
        .join(' ');
      data.keepAttr = data.attrValue !== '';
    } else if (data.attrName === 'href') {
      data.keepAttr = LINK.test(data.attrValue.trim());
    } else if (data.attrName === 'src') {
      data.keepAttr = IMAGE.test(data.attrValue.trim());
    }
  });
  made.addHook('afterSanitizeAttributes', node => {
    if (node.nodeName === 'A') {
      node.setAttribute('target', '_blank');
      node.setAttribute('rel', 'noopener noreferrer');
    } else if (node.nodeName === 'INPUT') {
      // Only the boxes of a task list.
      node.setAttribute('type', 'checkbox');
      node.setAttribute('disabled', '');
    }
  });
  return made;
}

function harmless(style: string): string {
  const declared = document.createElement('span').style;
  declared.cssText = style;
  return STYLES.map(name => [name, declared.getPropertyValue(name)])
    .filter(([, value]) => value !== '' && GRADIENT.test(value))
    .map(([name, value]) => `${name}: ${value}`)
    .join('; ');
}
