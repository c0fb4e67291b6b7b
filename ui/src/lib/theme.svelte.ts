// Light or dark: what the machine prefers, until the person chooses.

type Choice = "auto" | "light" | "dark";
const KEY = "gridmuster-theme";

class Theme {
  choice = $state<Choice>("auto");
  /** Grows when colours changed; charts draw anew. */
  turn = $state(0);

  start(): void {
    const kept = localStorage.getItem(KEY);
    if (kept === "light" || kept === "dark") this.choice = kept;
    this.#apply();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#apply());
  }

  next(): void {
    const dark = this.dark;
    this.choice = dark ? "light" : "dark";
    localStorage.setItem(KEY, this.choice);
    this.#apply();
  }

  get dark(): boolean {
    if (this.choice !== "auto") return this.choice === "dark";
    return matchMedia("(prefers-color-scheme: dark)").matches;
  }

  #apply(): void {
    document.documentElement.dataset.theme = this.dark ? "dark" : "light";
    this.turn += 1;
  }
}

export const theme = new Theme();

/** A colour of the present theme, as a canvas understands it. */
export function colour(property: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(property).trim();
}
