// Who is signed in, from a cookie that no script can read.

import { ApiError, get, lost, post, setCsrf } from "./api";
import type { Role } from "./types";

interface Session {
  name: string;
  role: Role;
  csrf: string;
  expires_s: number;
}

const RANK: Record<Role, number> = { viewer: 0, operator: 1, admin: 2 };

class SessionState {
  /** Undefined until the center was asked; null when nobody is signed in. */
  current = $state<Session | null | undefined>(undefined);

  /** Whether the person may do what needs a role. */
  may(role: Role): boolean {
    return this.current ? RANK[this.current.role] >= RANK[role] : false;
  }

  /** Ask the center who this browser is; a token in the address signs in and is then erased. */
  async begin(): Promise<void> {
    lost.session = () => {
      this.current = null;
    };
    const token = new URLSearchParams(location.hash.slice(1)).get("token");
    if (token) {
      history.replaceState(null, "", location.pathname + "#/now");
      if (await this.enter(token).then(() => true, () => false)) return;
    }
    try {
      this.take(await get<Session>("/session"));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.current = null;
    }
  }

  /** Sign in with a token. */
  async enter(token: string): Promise<void> {
    this.take(await post<Session>("/session", { token }));
  }

  /** Sign out. */
  async leave(): Promise<void> {
    await post("/session/end", {}).catch(() => undefined);
    this.current = null;
  }

  private take(session: Session): void {
    setCsrf(session.csrf);
    this.current = session;
  }
}

export const session = new SessionState();
