import { WindsockError } from "./errors.js";

/** The words of the wire for what HTTP says with numbers. */
const codes = { 400: "bad_request", 401: "expired", 403: "forbidden", 404: "not_found", 429: "rate_limited" };

/**
 * Reads what a device measured: `GET /api/readings`.
 *
 * @param {object} question
 * @param {string} question.device
 * @param {string | string[]} [question.metric] one, several, or all when there is none
 * @param {string} [question.room] where a device of this name is in several rooms
 * @param {Date | number | string} [question.from] a date, Unix seconds, or RFC 3339; an hour before `to` without it
 * @param {Date | number | string} [question.to] not included; now without it
 * @param {number} [question.points] at most so many of each series, 1 to 10,000; more readings come as buckets
 * @param {AbortSignal} [question.signal]
 * @param {{fetch: typeof fetch, url: URL, bearer: string}} connection `url` of `/api/readings`
 * @returns {Promise<{device: string, from: number, to: number, series: object[]}>} rejects with a
 *   {@link WindsockError} (`not_found`: nothing of this device is stored), or with the signal's reason
 */
export async function readReadings({ device, metric = [], room, from, to, points, signal }, { fetch, url, bearer }) {
  if (!fetch) throw new WindsockError("unsupported", "There is no fetch here to read readings with.");
  const query = new URLSearchParams({ device });
  for (const name of [metric].flat()) query.append("metric", name);
  for (const [name, value] of Object.entries({ room_id: room, from: instant(from), to: instant(to), points })) {
    if (value !== undefined) query.set(name, value);
  }
  url.search = query.toString();
  let response;
  try {
    response = await fetch(url, { headers: { Authorization: `Bearer ${bearer}`, Accept: "application/json" }, signal });
    if (response.ok) return await response.json();
  } catch (error) {
    if (signal?.aborted) throw signal.reason ?? error;
    throw new WindsockError("disconnected", `The readings cannot be read: ${error.message}`, true);
  }
  const problem = await response.json().catch(() => ({}));
  const isTemporary = response.status >= 500 || response.status === 429;
  throw new WindsockError(
    codes[response.status] ?? (isTemporary ? "overloaded" : "bad_request"),
    problem.detail ?? problem.title ?? `The gateway answered ${response.status}.`, isTemporary);
}

function instant(time) {
  return time instanceof Date ? time.toISOString() : time;
}
