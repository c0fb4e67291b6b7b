// Keys that work anywhere on a page, unless somebody is typing.

function typing(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLInputElement ||
    target instanceof HTMLSelectElement ||
    target instanceof HTMLTextAreaElement
  );
}

/** Whether a key press is the slash that goes to the page's search. */
export function wantsSearch(event: KeyboardEvent): boolean {
  const held = event.ctrlKey || event.metaKey || event.altKey;
  return event.key === "/" && !held && !typing(event.target);
}
