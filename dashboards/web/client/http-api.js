import { WindsockError } from "./errors.js";

/** @typedef {import("../windsock-client.js").Readings} Readings */
/** @typedef {import("../windsock-client.js").ReadingsQuestion} ReadingsQuestion */
/** @typedef {import("../windsock-client.js").Envelope} Envelope */
/**
 * A page of a room's history.
 * @typedef {{epoch: string, offset: number, messages: Envelope[]}} HistoryPage
 */
/**
 * Access to the gateway over HTTP.
 * @typedef {object} HTTPAccess
 * @property {typeof fetch | undefined} fetch
 * @property {string | URL} url of the gateway's `/ws`
 * @property {string} bearer
 */

/**
 * Codes of the protocol for HTTP statuses.
 * @type {Record<number, string>}
 */
const codes = { 400: "bad_request", 401: "expired", 403: "forbidden", 404: "not_found", 429: "rate_limited" };

/**
 * Reads the stored readings of a device: `GET /api/readings`.
 * @param {ReadingsQuestion} question
 * @param {HTTPAccess} access
 * @returns {Promise<Readings>} rejects with a {@link WindsockError} (`not_found`: no readings of the device are stored)
 *   or with the signal's reason
 */
export async function readReadings({ device, metric = [], room, from, to, points, signal }, { fetch, url, bearer }) {
  if (!fetch) throw new WindsockError("unsupported", "There is no fetch here to read readings with.");
  const address = httpURL(url, "/api/readings");
  const query = new URLSearchParams({ device });
  for (const name of [metric].flat()) query.append("metric", name);
  for (const [name, value] of Object.entries({ room_id: room, from: instant(from), to: instant(to), points })) {
    if (value !== undefined) query.set(name, String(value));
  }
  address.search = query.toString();
  let response;
  try {
    const headers = { Authorization: `Bearer ${bearer}`, Accept: "application/json" };
    response = await fetch(address, { headers, signal });
    if (response.ok) return await response.json();
  } catch (error) {
    if (signal?.aborted) throw signal.reason ?? error;
    throw new WindsockError("disconnected", `The readings cannot be read: ${messageOf(error)}`, true);
  }
  const problem = await response.json().catch(() => ({}));
  const isTemporary = response.status >= 500 || response.status === 429;
  throw new WindsockError(
    codes[response.status] ?? (isTemporary ? "overloaded" : "bad_request"),
    problem.detail ?? problem.title ?? `The gateway answered ${response.status}.`, isTemporary);
}

/**
 * Reads a page of a room's history: `GET /api/rooms/history`.
 * @param {string} room
 * @param {number} after the offset before the first message of the page
 * @param {number} limit
 * @param {HTTPAccess} access
 * @returns {Promise<HistoryPage>} rejects with a {@link WindsockError}
 */
export async function readHistory(room, after, limit, { fetch, url, bearer }) {
  if (!fetch) throw new WindsockError("unsupported", "There is no fetch here to read the history with.");
  const address = httpURL(url, "/api/rooms/history");
  address.search = new URLSearchParams({ room_id: room, after: String(after), limit: String(limit) }).toString();
  let response;
  try {
    response = await fetch(address, { headers: { Authorization: `Bearer ${bearer}` } });
    if (response.ok) return await response.json();
  } catch (error) {
    throw new WindsockError("history", `The history cannot be read: ${messageOf(error)}`, true);
  }
  const isTemporary = response.status >= 500 || response.status === 429;
  throw new WindsockError("history", `The history cannot be read (HTTP ${response.status}).`, isTemporary);
}

/**
 * Returns the URL of another path of a gateway.
 * @param {string | URL} url of its `/ws`
 * @param {string} path
 */
export function httpURL(url, path) {
  const address = new URL(webSocketURL(url));
  address.protocol = address.protocol.replace(/^ws/, "http");
  address.pathname = address.pathname.replace(/\/ws$/, path);
  return address;
}

/**
 * Returns an absolute `ws:` or `wss:` URL. Relative URLs need a page.
 * @param {string | URL} url
 */
export function webSocketURL(url) {
  const absolute = new URL(url, globalThis.location?.href);
  absolute.protocol = absolute.protocol.replace(/^http/, "ws");
  return absolute.href;
}

/** @param {Date | number | string | undefined} time */
function instant(time) {
  return time instanceof Date ? time.toISOString() : time;
}

/** @param {unknown} error */
export function messageOf(error) {
  return error instanceof Error ? error.message : String(error);
}
