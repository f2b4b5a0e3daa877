/**
 * May JSON data be given to a renderer of the surroundings, which could load what it names?
 *
 * JupyterLab draws charts of untrusted notebooks. What a chart loads would be asked for with the
 * person's login, so only charts that hold all they show are drawn; others need the person.
 */
import { Json } from '../wire';

const LOADS = new Set(['url', 'href', 'usermeta']);
const NAMES = new Set(['src', 'source']); // of other data, or of a picture to load
const PATH = /^(?!data:image\/).*[/:?]/s;
const ROWS = new Set(['datasets', 'values']); // of Vega: data, in which such names mean nothing
const ADDRESS = /^\s*(?:[a-z][a-z0-9+.-]*:)?\/\//i;
const MOST = 200_000; // members

/** True: nothing in it names what it would have to load. */
export function holdsAll(value: Json): boolean {
  const left: Json[] = [value];
  for (let seen = 0; left.length > 0; seen++) {
    const one = left.pop();
    if (seen > MOST || (typeof one === 'string' && ADDRESS.test(one.slice(0, 100)))) {
      return false;
    }
    if (Array.isArray(one)) {
      if (one.length > MOST) {
        return false;
      }
      one.forEach(member => left.push(member));
    } else if (typeof one === 'object' && one !== null) {
      for (const [name, member] of Object.entries(one)) {
        const loads = NAMES.has(name) && typeof member === 'string' && PATH.test(member);
        if (LOADS.has(name) || loads) {
          return false;
        }
        if (name !== '$schema' && !ROWS.has(name)) {
          left.push(member);
        }
      }
    }
  }
  return true;
}
