// Who is signed in, from a cookie that no script can read.

import { ApiError, get, heard, lost, post, setCsrf, watchHands } from "./api";
import type { Role } from "./types";

interface Session {
  name: string;
  role: Role;
  csrf: string;
  expires_s: number;
}

interface Ways {
  oidc: string;
  /** Whether this browser's cookie stands for a session that lasts. */
  signed_in: boolean;
}

/** The token or the fault in the address, which is erased at once.
 *
 * @param then the address that takes its place.
 */
function taken(then: string): { token: string; fault: string } {
  const given = new URLSearchParams(location.hash.slice(1));
  const [token, fault] = [given.get("token") ?? "", given.get("fault") ?? ""];
  if (token || fault) history.replaceState(null, "", location.pathname + then);
  return { token, fault };
}

const RANK: Record<Role, number> = { viewer: 0, operator: 1, admin: 2 };
/** From so long before its end on the page speaks of it, s. */
export const WARN_S = 300;

class SessionState {
  /** Undefined until the center was asked; null when nobody is signed in. */
  current = $state.raw<Session | null | undefined>(undefined);
  /** Whether the session is over while its page still shows; somebody may sign in again in place. */
  over = $state(false);
  /** Whether somebody asked to sign in again before the end. */
  renewing = $state(false);
  /** How long it still lasts when nobody touches the page, s. */
  left_s = $state(Infinity);
  /** Name of the company's own way to sign in; empty: there is none. */
  oidc = $state("");
  /** Why a sign-in with the company's account came to nothing. */
  fault = $state("");

  #ends = Infinity;

  /** Whether the person may do what needs a role. */
  may(role: Role): boolean {
    return this.current && !this.over ? RANK[this.current.role] >= RANK[role] : false;
  }

  /** Ask the center who this browser is; a token in the address signs in and is then erased. */
  async begin(): Promise<void> {
    lost.session = () => {
      if (this.current) this.over = true;
      else this.current = null;
    };
    heard.left = (seconds) => {
      this.#ends = performance.now() + seconds * 1000;
      this.#look();
    };
    watchHands();
    window.setInterval(() => this.#look(), 1000);
    addEventListener("hashchange", (event) => this.#pasted(event));
    const { token, fault } = taken("#/now");
    this.fault = fault;
    if (token && (await this.#enters(token))) return;
    try {
      const ways = await this.ways();
      // Asked only where a cookie came along: a first visit is no denied attempt.
      if (ways?.signed_in === false) this.current = null;
      else this.#take(await get<Session>("/session"));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.current = null;
    }
  }

  /** An address that signs in, pasted into the page that is open. */
  #pasted(event: HashChangeEvent): void {
    const { token, fault } = taken(new URL(event.oldURL).hash || "#/now");
    if (!token && !fault) return;
    // Nobody else is to read the token as the address of a page.
    event.stopImmediatePropagation();
    this.fault = fault;
    void (token ? this.#enters(token) : Promise.resolve(false)).then((entered) => {
      if (!entered && this.current) this.renewing = true;
    });
  }

  async #enters(token: string): Promise<boolean> {
    try {
      await this.enter(token);
      return true;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.fault = error.problem.detail || error.problem.title;
      return false;
    }
  }

  /** Ask how people sign in here. */
  async ways(): Promise<Ways | null> {
    try {
      const ways = await get<Ways>("/session/ways");
      this.oidc = ways.oidc;
      return ways;
    } catch {
      // By token always works; whether another way does is told when it is tried.
      return null;
    }
  }

  /** Sign in with a token. */
  async enter(token: string): Promise<void> {
    this.#take(await post<Session>("/session", { token }));
  }

  /** Go on: a request keeps a session alive that nobody used. */
  async stay(): Promise<void> {
    this.#take(await get<Session>("/session"));
  }

  /** Sign out. */
  async leave(): Promise<void> {
    await post("/session/end", {}).catch(() => undefined);
    this.current = null;
    this.over = false;
    this.renewing = false;
  }

  #take(session: Session): void {
    setCsrf(session.csrf);
    this.#ends = performance.now() + session.expires_s * 1000;
    this.current = session;
    this.over = false;
    this.renewing = false;
    this.fault = "";
    this.#look();
  }

  #asking = false;

  #look(): void {
    // Whole seconds, and only when they are shown: nothing else needs to be drawn anew.
    const left = Math.max(0, Math.round((this.#ends - performance.now()) / 1000));
    this.left_s = left > WARN_S ? Infinity : left;
    if (left > 0 || !this.current || this.over || this.#asking) return;
    // The center's clock counts; its answer ends the session here too.
    this.#asking = true;
    get<Session>("/session")
      .then(
        (found) => (this.#ends = performance.now() + Math.max(5, found.expires_s) * 1000),
        () => (this.#ends = performance.now() + 5_000),
      )
      .finally(() => (this.#asking = false));
  }
}

export const session = new SessionState();
