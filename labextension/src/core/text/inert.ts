/**
 * May JSON data be given to a renderer of the surroundings, which could load what it names?
 *
 * JupyterLab draws charts of untrusted notebooks. What a chart loads would be asked for with the
 * person's login, so only charts that hold all they show are drawn; others need the person.
 */
import { object } from '../json';
import { Json } from '../wire';

const LOADS = new Set(['url', 'href', 'usermeta']);
const NAMES = new Set(['src', 'source']); // of other data, or of a picture to load
const PATH = /^(?!data:image\/).*[/:?]/s;
const ROWS = new Set(['datasets', 'values']); // of Vega: data, in which such names mean nothing
const ADDRESS = /^\s*(?:[a-z][a-z0-9+.-]*:)?\/\//i;
const MOST = 200_000; // members

const STYLE = /url\(/i; // of a cursor, which the browser loads
const KEYWORD = /^[a-z-]*$/;
const IMAGE = /\bimage\b/; // of a tooltip, which Vega's loads by that name

/** True: nothing in it names what it would have to load. */
export function holdsAll(value: Json): boolean {
  const left: Json[] = [value];
  const rows: Json[] = [];
  let hasTooltip = false;
  let mayNameImage = false;
  for (let seen = 0; left.length > 0; seen++) {
    const one = left.pop();
    if (seen > MOST || (typeof one === 'string' && loads(one))) {
      return false;
    }
    if (typeof one === 'string') {
      mayNameImage ||= IMAGE.test(one);
    } else if (Array.isArray(one)) {
      if (one.length > MOST) {
        return false;
      }
      one.forEach(member => left.push(member));
    } else if (typeof one === 'object' && one !== null) {
      for (const [name, member] of Object.entries(one)) {
        if (isLoading(name, member)) {
          return false;
        }
        hasTooltip ||= name === 'tooltip' && member !== null && member !== false;
        mayNameImage ||= name === 'image' || name === 'pivot' || member === 'pivot';
        if (ROWS.has(name)) {
          rows.push(member);
        } else if (name !== '$schema') {
          left.push(member);
        }
      }
    }
  }
  return !(hasTooltip && (mayNameImage || rows.some(namesImage)));
}

function loads(text: string): boolean {
  return ADDRESS.test(text.slice(0, 100)) || STYLE.test(text);
}

function isLoading(name: string, member: Json): boolean {
  return (
    LOADS.has(name) ||
    (NAMES.has(name) && typeof member === 'string' && PATH.test(member)) ||
    (name === 'cursor' && !isKeyword(member)) ||
    (name === 'name' && member === 'cursor') // a signal of Vega that sets it
  );
}

function isKeyword(member: Json): boolean {
  const { value, ...more } = object(member);
  const word = typeof member === 'string' ? member : value;
  return typeof word === 'string' && KEYWORD.test(word) && Object.keys(more).length === 0;
}

function namesImage(rows: Json): boolean {
  return typeof rows === 'string' ? IMAGE.test(rows) : JSON.stringify(rows).includes('"image"');
}
