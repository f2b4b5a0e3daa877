/**
 * Handlers for an element whose controls decide: a click or key that a script has made reaches none of them.
 * An output or a widget of the notebook may run scripts in this page.
 */
import { isByHand } from '../hand';

function check(event: Event): void {
  if (!isByHand(event)) {
    event.preventDefault();
    event.stopImmediatePropagation();
  }
}

export const ONLY_BY_HAND = {
  onClickCapture: check,
  onKeyDownCapture: check
};
