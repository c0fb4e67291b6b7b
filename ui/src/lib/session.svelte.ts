// Who is signed in, from a cookie that no script can read.

import { ApiError, get, heard, lost, post, setCsrf, watchHands } from "./api";
import type { Role } from "./types";

interface Session {
  name: string;
  role: Role;
  csrf: string;
  expires_s: number;
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
    const given = new URLSearchParams(location.hash.slice(1));
    const token = given.get("token");
    this.fault = given.get("fault") ?? "";
    if (token || this.fault) history.replaceState(null, "", location.pathname + "#/now");
    if (token && (await this.enter(token).then(() => true, () => false))) return;
    try {
      this.#take(await get<Session>("/session"));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.current = null;
    }
  }

  /** Ask how people sign in here. */
  async ways(): Promise<void> {
    await get<{ oidc: string }>("/session/ways").then(
      ({ oidc }) => (this.oidc = oidc),
      // By token always works; whether another way does is told when it is tried.
      () => undefined,
    );
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
