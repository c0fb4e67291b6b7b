// Requests to the center: JSON in and out, problems as exceptions, commands that repeat safely.

import type { Problem } from "./types";

const BASE = "/api/v1";
let csrf = "";

/** An answer that was not a success; `problem` says why in the server's words. */
export class ApiError extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail || problem.title);
  }
}

/** Remember the session's token against forged requests; every later command carries it. */
export function setCsrf(token: string): void {
  csrf = token;
}

/** Called when the center no longer knows this session. */
export const lost = { session: (): void => {} };

/** Called with how long the session still lasts without another request, s. */
export const heard = { left: (_seconds: number): void => {} };

/** Without a touch for so long, what the page asks by itself does not keep the session alive, ms. */
const UNATTENDED_MS = 60_000;
let touched = performance.now();

function unattended(): boolean {
  return performance.now() - touched > UNATTENDED_MS;
}

/** Notice that a person is there; called once by the frame. */
export function watchHands(): void {
  for (const kind of ["pointerdown", "keydown", "wheel"]) {
    addEventListener(kind, () => (touched = performance.now()), { passive: true, capture: true });
  }
}

async function problemOf(response: Response): Promise<Problem> {
  try {
    const body = (await response.json()) as Partial<Problem>;
    return {
      status: response.status,
      title: body.title ?? response.statusText,
      detail: body.detail ?? "",
      errors: body.errors,
      suggestions: body.suggestions,
    };
  } catch {
    return { status: response.status, title: response.statusText, detail: "" };
  }
}

async function send(path: string, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    const headers = new Headers(init.headers);
    if (unattended()) headers.set("X-Unattended", "1");
    response = await fetch(BASE + path, { credentials: "same-origin", ...init, headers });
  } catch {
    throw new ApiError({
      status: 0,
      title: "No answer",
      detail: "The center does not answer. The line may be cut; nothing was confirmed.",
    });
  }
  // A token that is refused says nothing of the session that was there before.
  if (response.status === 401 && !(path === "/session" && init.method === "POST")) lost.session();
  const left = response.headers.get("Session-Expires-S");
  if (left !== null) heard.left(Number(left));
  if (!response.ok) throw new ApiError(await problemOf(response));
  return response;
}

/** Read a JSON document. */
export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  const response = await send(path, signal ? { signal } : {});
  return (await response.json()) as T;
}

/** A new key for a command; keep it to repeat the very same command. */
export function newKey(): string {
  return crypto.randomUUID();
}

/** Send something that changes the center.
 *
 * @param key makes a repetition harmless; the same key with the same body acts once.
 */
export async function post<T>(path: string, body: unknown, key?: string): Promise<T> {
  const headers: Record<string, string> = { "Content-Type": "application/json" };
  if (csrf) headers["X-CSRF-Token"] = csrf;
  if (key) headers["Idempotency-Key"] = key;
  const response = await send(path, { method: "POST", headers, body: JSON.stringify(body) });
  return (response.status === 204 ? undefined : await response.json()) as T;
}

/** Send a file as it is. */
export async function upload<T>(path: string, file: Blob, type: string): Promise<T> {
  const headers: Record<string, string> = { "Content-Type": type };
  if (csrf) headers["X-CSRF-Token"] = csrf;
  const response = await send(path, { method: "POST", headers, body: file });
  return (await response.json()) as T;
}

/** Take something back that only waits. */
export async function remove(path: string): Promise<void> {
  const headers: Record<string, string> = csrf ? { "X-CSRF-Token": csrf } : {};
  await send(path, { method: "DELETE", headers });
}
