/** What a person does by hand, told from what a script in the page only claims. */
export function isByHand(event: Event | undefined): boolean {
  return event?.isTrusted === true;
}
