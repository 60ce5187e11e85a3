/** An HTTP error of the gateway. */
export class APIError extends Error {
  /**
   * @param {number} status
   * @param {string} message
   */
  constructor(status, message) {
    super(message);
    this.name = "APIError";
    this.status = status;
  }
}

/** Retries of a GET request after status 429. */
const maxRetries = 4;
const maxRetrySeconds = 10;

/**
 * Returns the delay in milliseconds before a retry: the gateway's `Retry-After` plus a random part, so that the pages
 * of one user do not retry at the same time.
 * @param {string | null} retryAfter seconds
 */
export function retryDelay(retryAfter, random = Math.random()) {
  const seconds = Math.min(Math.max(Number(retryAfter) || 1, 1), maxRetrySeconds);
  return 1000 * seconds * (1 + random);
}

/**
 * @param {number} milliseconds
 * @param {AbortSignal} [signal]
 * @returns {Promise<void>}
 */
function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => { clearTimeout(timer); reject(signal.reason); }, { once: true });
  });
}

/**
 * Sends a request and returns the JSON of its answer.
 * @param {string} path
 * @param {string | null} token null: not signed in, which the gateway refuses
 * @param {{method?: string, body?: object, signal?: AbortSignal}} options `body` is sent as JSON
 * @returns {Promise<any>} rejects with an {@link APIError}, or a TypeError without a connection
 */
export async function requestJSON(path, token, { method = "GET", body, signal } = {}) {
  /** @type {Record<string, string>} */
  const headers = { Authorization: `Bearer ${token}`, Accept: "application/json" };
  if (body) headers["Content-Type"] = "application/json";
  const response = await send(path, { method, headers, signal, body: body && JSON.stringify(body) });
  return response.json();
}

/**
 * Sends a request. GET requests are repeated after status 429.
 * @param {string} path
 * @param {RequestInit} request
 * @returns {Promise<Response>} rejects with an {@link APIError}, or a TypeError without a connection
 */
async function send(path, request) {
  const { method, signal } = request;
  let response = await fetch(path, request);
  for (let attempt = 1; method === "GET" && response.status === 429 && attempt <= maxRetries; attempt += 1) {
    await pause(retryDelay(response.headers.get("Retry-After")), signal ?? undefined);
    response = await fetch(path, request);
  }
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({}));
  throw new APIError(response.status, problem.detail ?? problem.title ?? `The gateway answered ${response.status}.`);
}

/**
 * Reads an answer of any type in parts.
 * @param {string} path
 * @param {string} token
 * @param {number} maxBytes a longer answer is an error
 * @returns {Promise<Uint8Array[]>}
 */
export async function getParts(path, token, maxBytes) {
  const response = await send(path, { method: "GET", headers: { Authorization: `Bearer ${token}` } });
  const reader = response.body?.getReader();
  /** @type {Uint8Array[]} */
  const parts = [];
  let byteCount = 0;
  for (let part = await reader?.read(); part?.value; part = await reader?.read()) {
    byteCount += part.value.length;
    if (byteCount > maxBytes) {
      await reader?.cancel();
      throw new Error("That is too much for one file. Choose a shorter range or fewer series.");
    }
    parts.push(part.value);
  }
  return parts;
}

/**
 * @param {string} path
 * @param {string | null} token
 * @param {AbortSignal} [signal]
 * @returns {Promise<any>}
 */
export function getJSON(path, token, signal) {
  return requestJSON(path, token, { signal });
}

/**
 * Reads all pages of a list. A cursor that follows itself is an error.
 * @param {string} path
 * @param {string} name of the list in the answer
 * @param {string} token
 * @param {AbortSignal} [signal]
 * @param {"after" | "before"} cursor parameter for the next page
 * @returns {Promise<any[]>}
 */
export async function getAll(path, name, token, signal, cursor = "after") {
  const all = [];
  const start = `${path}${path.includes("?") ? "&" : "?"}${cursor}=`;
  /** @type {string | undefined} */
  let next;
  do {
    /** @type {any} */
    const page = await getJSON(next === undefined ? path : start + encodeURIComponent(next), token, signal);
    if (next !== undefined && page.next === next) throw new Error(`The gateway repeats a page of ${path}.`);
    for (const element of page[name]) all.push(element);
    next = page.next;
  } while (next !== undefined);
  return all;
}

/**
 * Whether the gateway accepts the token. Any answer but status 401 counts as yes.
 * @param {string} token
 */
export async function isTokenAccepted(token) {
  try {
    await getJSON("/api/dashboards", token);
    return true;
  } catch (error) {
    return error.status !== 401;
  }
}
