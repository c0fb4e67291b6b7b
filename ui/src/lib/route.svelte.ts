// Where the page is: `#/fleet/site-1?filter=state:idle`. Addresses can be shared and bookmarked.

/** Part of an address as it is meant; one that is no proper escape stands for itself. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

class Route {
  page = $state("now");
  /** What follows the page's name. */
  rest = $state<string[]>([]);
  query = $state.raw(new URLSearchParams());

  start(): void {
    addEventListener("hashchange", () => this.#read());
    this.#read();
  }

  /** Go to a page. */
  go(address: string): void {
    location.hash = address;
  }

  /** Change the query without a step in the history. */
  keep(query: Record<string, string>): void {
    const kept = new URLSearchParams(this.query);
    for (const [name, value] of Object.entries(query)) {
      if (value) kept.set(name, value);
      else kept.delete(name);
    }
    const text = kept.toString();
    const path = [this.page, ...this.rest.map(encodeURIComponent)].join("/");
    history.replaceState(null, "", `#/${path}${text ? `?${text}` : ""}`);
    this.query = kept;
  }

  #read(): void {
    const [path = "", query = ""] = location.hash.replace(/^#\/?/, "").split("?");
    const [page = "", ...rest] = path.split("/").map(decoded);
    this.page = page || "now";
    this.rest = rest;
    this.query = new URLSearchParams(query);
  }
}

export const route = new Route();
