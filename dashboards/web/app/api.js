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
 * @param {{signal?: AbortSignal}} [options]
 * @returns {Promise<any>} the answer's JSON; rejects with an {@link APIError}, or a TypeError without a connection
 */
export function getJSON(path, token, options) {
  return request(path, token, options);
}

/** Sends a body and returns the answer's JSON; see {@link getJSON}. */
export function sendJSON(method, path, token, body) {
  return request(path, token, { method, body: JSON.stringify(body) }, { "Content-Type": "application/json" });
}

async function request(path, token, options, headers) {
  const response = await fetch(path, {
    ...options, headers: { Authorization: `Bearer ${token}`, Accept: "application/json", ...headers },
  });
  if (response.ok) return response.json();
  const problem = await response.json().catch(() => ({}));
  throw new APIError(response.status, problem.detail ?? problem.title ?? `The gateway answered ${response.status}.`);
}

/** Whether the gateway takes the token; anything but a clear no counts as yes. */
export async function isTokenAccepted(token) {
  try {
    await getJSON("/api/rooms", token);
    return true;
  } catch (error) {
    return error.status !== 401;
  }
}
