/** The gateway refused with an HTTP status. */
export class APIError extends Error {
  constructor(status, message) {
    super(message);
    this.name = "APIError";
    this.status = status;
  }
}

/** Times that a question is asked again when the gateway says that the user asks too much (429). */
const MAX_RETRIES = 4;
const MAX_RETRY_SECONDS = 10;

/**
 * Milliseconds until the next attempt: as long as the gateway asks for, and a random part, so that the many pages of one
 * user do not all come back at once.
 * @param {string | null} retryAfter seconds
 */
export function retryDelay(retryAfter, random = Math.random()) {
  const seconds = Math.min(Math.max(Number(retryAfter) || 1, 1), MAX_RETRY_SECONDS);
  return 1000 * seconds * (1 + random);
}

function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => { clearTimeout(timer); reject(signal.reason); }, { once: true });
  });
}

/**
 * @param {string} path
 * @param {string} token
 * @param {{method?: string, body?: object, signal?: AbortSignal}} [options] `body` is sent as JSON
 * @returns {Promise<any>} the answer's JSON; rejects with an {@link APIError}, or a TypeError without a connection
 */
export async function requestJSON(path, token, { method = "GET", body, signal } = {}) {
  const headers = { Authorization: `Bearer ${token}`, Accept: "application/json" };
  if (body) headers["Content-Type"] = "application/json";
  let response = await fetch(path, { method, headers, signal, body: body && JSON.stringify(body) });
  for (let attempt = 1; method === "GET" && response.status === 429 && attempt <= MAX_RETRIES; attempt += 1) {
    await pause(retryDelay(response.headers.get("Retry-After")), signal);
    response = await fetch(path, { method, headers, signal });
  }
  if (response.ok) return response.json();
  const problem = await response.json().catch(() => ({}));
  throw new APIError(response.status, problem.detail ?? problem.title ?? `The gateway answered ${response.status}.`);
}

/** @param {string} path @param {string} token @param {AbortSignal} [signal] @returns {Promise<any>} */
export function getJSON(path, token, signal) {
  return requestJSON(path, token, { signal });
}

/**
 * All elements of a list that comes in pages.
 * @param {string} path @param {string} name of the list in the answer @param {string} token @param {AbortSignal} [signal]
 * @returns {Promise<object[]>}
 */
export async function getAll(path, name, token, signal) {
  const all = [];
  let after;
  do {
    const page = await getJSON(after === undefined ? path : `${path}?after=${encodeURIComponent(after)}`, token, signal);
    for (const element of page[name]) all.push(element);
    after = page.next;
  } while (after !== undefined);
  return all;
}

/** Whether the gateway takes the token; anything but a clear no counts as yes. */
export async function isTokenAccepted(token) {
  try {
    await getJSON("/api/dashboards", token);
    return true;
  } catch (error) {
    return error.status !== 401;
  }
}
