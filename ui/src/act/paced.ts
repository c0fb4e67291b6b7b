// Looking again when something changed, but not more often than every so many ms.

export interface Paced {
  /** Something may have changed: look now, or as soon as the gap is over. */
  poke: () => void;
  stop: () => void;
}

/** @param now reading of a clock, ms. */
export function paced(look: () => void, gapMs: number, now = () => performance.now()): Paced {
  let last = -Infinity;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const go = (): void => {
    timer = undefined;
    last = now();
    look();
  };
  return {
    poke: () => {
      if (timer !== undefined) return;
      const wait = last + gapMs - now();
      if (wait <= 0) go();
      else timer = setTimeout(go, wait);
    },
    stop: () => {
      clearTimeout(timer);
      timer = undefined;
    },
  };
}
