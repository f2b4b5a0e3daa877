/**
 * The style sheet of a styled table (pandas' Styler), as styles of its cells.
 *
 * A sheet could restyle the page around it, so none is kept. What its rules say of a cell is written
 * on the cell, where the sanitizer judges it as any other style.
 */

const LONGEST_SHEET = 500_000; // characters
const MOST_RULES = 20_000;
const MOST_STYLED = 20_000; // elements, over all rules
const MOST_WIDE = 50; // selectors that name no id at their end, and may meet every cell
const PLAIN = /^(?=.)(?:[a-z][a-z0-9]*)?(?:[#.][a-z_][\w-]*)*$/i; // name, ids and classes of one element

/** `html` with the rules of its sheets written on the elements they meet; `harmless` bounds a style. */
export function inlined(html: string, harmless: (style: string) => string): string {
  const sheet = sheetsOf(html);
  if (!sheet.includes('#') || sheet.length > LONGEST_SHEET) {
    return html; // that of an unstyled frame names no cell
  }
  const page = new DOMParser().parseFromString(html, 'text/html'); // loads and runs nothing
  const styles = new Map<Element, string>();
  let [left, wide] = [MOST_STYLED, MOST_WIDE];
  for (const [selectors, declared] of rulesOf(sheet)) {
    const style = harmless(declared);
    for (const one of style ? selectors.split(',').map(part => part.trim()) : []) {
      const plain = one.split(/\s+/).every(part => PLAIN.test(part));
      if (!plain || (!/^#[\w-]+$/.test(one) && --wide < 0)) {
        continue;
      }
      for (const element of page.querySelectorAll(one)) {
        if (--left >= 0) {
          styles.set(element, `${styles.get(element) ?? ''}${style};`);
        }
      }
    }
  }
  for (const [element, style] of styles) {
    element.setAttribute('style', style + (element.getAttribute('style') ?? ''));
  }
  page.querySelectorAll('style').forEach(each => each.remove());
  return page.body.innerHTML;
}

/** The text of all style elements; found by splitting, whose cost no text can drive up. */
function sheetsOf(html: string): string {
  const [, ...pieces] = html.split(/<style(?=[\s>])/i);
  return pieces
    .map(piece => piece.slice(piece.indexOf('>') + 1).split(/<\/style/i, 1)[0])
    .join('\n');
}

function rulesOf(sheet: string): [selectors: string, declared: string][] {
  return sheet
    .split('}', MOST_RULES)
    .map(rule => rule.split('{'))
    .filter(parts => parts.length > 1)
    .map(parts => [parts[parts.length - 2], parts[parts.length - 1]]);
}
