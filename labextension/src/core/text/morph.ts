/**
 * Bring a growing block's DOM up to date without replacing what has not changed, so that a
 * selection in it survives.
 */

/** Make the children of `target` equal to those of `source`, keeping equal nodes. */
export function morph(target: Node, source: Node): void {
  const old = [...target.childNodes];
  const next = [...source.childNodes];
  next.forEach((node, i) => {
    const known = old[i];
    if (known === undefined) {
      target.appendChild(node);
    } else if (known.nodeName !== node.nodeName) {
      target.replaceChild(node, known);
    } else {
      adopt(known, node);
    }
  });
  old.slice(next.length).forEach(node => target.removeChild(node));
}

function adopt(known: Node, node: Node): void {
  if (known instanceof CharacterData) {
    const text = node.nodeValue ?? '';
    if (text.startsWith(known.data)) {
      known.appendData(text.slice(known.data.length));
    } else {
      known.data = text;
    }
  } else if (known instanceof Element && node instanceof Element) {
    for (const { name } of [...known.attributes]) {
      if (!node.hasAttribute(name)) {
        known.removeAttribute(name);
      }
    }
    for (const { name, value } of [...node.attributes]) {
      if (known.getAttribute(name) !== value) {
        known.setAttribute(name, value);
      }
    }
    morph(known, node);
  }
}
