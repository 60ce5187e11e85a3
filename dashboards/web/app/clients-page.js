import { hideUnreachable, session } from "./session/session.js";
import { getJSON } from "./shared/api.js";
import { byID, element, setText } from "./shared/dom.js";
import { Theme } from "./shared/palette.js";

const intervalMs = 2_000;
/** Maximum number of rooms in a row. */
const maxRooms = 6;

/** @typedef {import("./shared/gateway-types.js").ConnectedClient} ConnectedClient */

/** The page of connected clients, for operators. It polls every two seconds while it is visible. */
class ClientsPage {
  #rows = /** @type {HTMLElement} */ (document.querySelector("#clients tbody"));
  #table = /** @type {HTMLElement} */ (document.querySelector(".clients-scroll"));
  #summary = byID("summary", "p");
  #problem = byID("problem", "p");
  #empty = byID("empty", "p");

  constructor() {
    new Theme(() => {});
    session.followLink();
    hideUnreachable(session.token);
    this.#poll();
    setInterval(() => document.visibilityState === "visible" && this.#poll(), intervalMs);
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.#poll());
  }

  async #poll() {
    document.documentElement.dataset.view = "clients";
    if (!session.token) return this.#fail("You are not signed in. Sign in on the dashboards' page, in this tab.");
    let answer;
    try {
      answer = await getJSON("/api/clients?limit=500", session.token);
    } catch (error) {
      return this.#fail(error.status === 401
        ? "The gateway does not accept the token any more. Sign in again on the dashboards' page."
        : error.status ? error.message : "The gateway does not answer. Below is its last answer.");
    }
    this.#show(answer);
  }

  /** @param {string} message */
  #fail(message) {
    setText(this.#problem, message);
    this.#problem.hidden = false;
  }

  /** @param {{total: number, clients: ConnectedClient[]}} answer */
  #show({ total, clients }) {
    this.#problem.hidden = true;
    this.#empty.hidden = total > 0;
    this.#table.hidden = total === 0;
    const users = new Set(clients.map(({ user_id: user }) => user)).size;
    const slow = clients.filter((client) => client.slow).length;
    const more = total > clients.length ? `, ${clients.length} of them shown` : "";
    setText(this.#summary, total === 0 ? "" : `${total} ${total === 1 ? "client" : "clients"} of ${users} `
      + `${users === 1 ? "user" : "users"}${more}${slow > 0 ? ` · ${slow} slow` : ""}`);
    this.#rows.replaceChildren(...clients.map((client) => this.#row(client)));
  }

  /** @param {ConnectedClient} client */
  #row(client) {
    const since = new Date(client.connected_at);
    const rooms = client.rooms.slice(0, maxRooms).join(", ");
    const more = client.room_count > maxRooms ? ` and ${client.room_count - maxRooms} more` : "";
    const { queued_messages: queued, rtt_ms: rtt } = client;
    const waiting = queued === 0 ? "–" : `${queued} (${kilobytes(client.queued_bytes)})`;
    /** @type {(label: string, text: string) => HTMLElement} */
    const figure = (label, text) =>
      element("td", { className: "figure", dataset: { label } }, text);
    return element("tr", { dataset: { slow: client.slow, clientId: client.client_id } },
      element("td", {},
        element("div", { className: "client-user" }, client.user_id),
        element("div", { className: "client-id" }, client.client_id),
        client.address ? element("div", { className: "client-address" }, client.address) : null),
      element("td", {},
        element("time", { dateTime: client.connected_at, title: since.toLocaleString() }, duration(since))),
      element("td", { className: "client-rooms" }, client.room_count === 0 ? "none" : rooms + more),
      figure("waiting", waiting),
      figure("left out", client.dropped === 0 ? "–" : String(client.dropped)),
      figure("round trip", rtt === undefined ? "–" : `${rtt.toFixed(rtt < 10 ? 1 : 0)} ms`),
      element("td", { className: "client-state" }, client.slow ? `Slow: ${client.reason}.` : "Keeps up"));
  }
}

/**
 * Formats the time since a date in the largest unit that fits.
 * @param {Date} since
 */
function duration(since) {
  const seconds = Math.max(0, Math.round((Date.now() - since.getTime()) / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** @param {number} bytes */
function kilobytes(bytes) {
  return `${(bytes / 1000).toFixed(bytes < 10_000 ? 1 : 0)} kB`;
}

new ClientsPage();
