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
    response = await fetch(BASE + path, { credentials: "same-origin", ...init });
  } catch {
    throw new ApiError({
      status: 0,
      title: "No answer",
      detail: "The center does not answer. The line may be cut; nothing was confirmed.",
    });
  }
  if (response.status === 401) lost.session();
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
