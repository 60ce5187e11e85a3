/** The gateway refused with an HTTP status. */
export class APIError extends Error {
  constructor(status, message) {
    super(message);
    this.name = "APIError";
    this.status = status;
  }
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
  const response = await fetch(path, { method, headers, signal, body: body && JSON.stringify(body) });
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
