import { getAll, getJSON } from "../shared/api.js";
import { byID, element, setText } from "../shared/dom.js";
import { setCount } from "../shared/drawers.js";
import { chatItem } from "./chat-items.js";
import { ChatMembers } from "./chat-members.js";

/** Maximum number of shown messages. Older ones are loaded on demand. */
const maxShown = 500;
const pageSize = 50;

/** @typedef {import("../../windsock-client.js").Envelope} Envelope */
/** @typedef {import("../../windsock-client.js").WindsockClient} WindsockClient */
/** @typedef {{messages: Envelope[], has_more: boolean}} Page */

/**
 * The chat of one room, and its members. The client library keeps the order and fills holes; this class draws.
 *
 * `data-offset` of a message is its position in the room. Unacknowledged messages stand below.
 */
export class ChatPanel {
  #drawers;
  #button = byID("chat-toggle", "button");
  #badge = byID("chat-count", "span");
  #rooms = byID("chat-room", "select");
  #members = new ChatMembers();
  #scroll = byID("chat-scroll", "div");
  #earlier = byID("chat-earlier", "button");
  #empty = byID("chat-empty", "p");
  #log = byID("chat-log", "ol");
  #pending = byID("chat-pending", "ol");
  #error = byID("chat-error", "p");
  #form = byID("chat-form", "form");
  #input = byID("chat-input", "textarea");
  /** @type {WindsockClient | null} */
  #client = null;
  #token = "";
  /** @type {string | null} */
  #room = null;
  /** @type {import("../../windsock-client.js").RoomHandle | null} */
  #handle = null;
  #unread = 0;

  /** @param {import("../shared/drawers.js").Drawers} drawers */
  constructor(drawers) {
    this.#drawers = drawers;
    drawers.add("chat", this.#button, () => this.#opened());
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
    this.#input.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        this.#send();
      }
    });
    this.#rooms.addEventListener("change", () => this.#enter(this.#rooms.value));
    this.#earlier.addEventListener("click", () => this.#loadEarlier());
  }

  /**
   * @param {WindsockClient} client
   * @param {string} token
   */
  attach(client, token) {
    this.#client = client;
    this.#token = token;
    const rooms = new URLSearchParams(location.search).getAll("chat").flatMap((text) => text.split(","));
    this.#offer(rooms.filter(Boolean).length > 0 ? rooms.filter(Boolean) : ["chat/lobby"]);
    this.#enter(this.#rooms.value);
    this.#findRooms();
  }

  detach() {
    this.#handle?.leave();
    this.#handle = null;
    this.#client = null;
    this.#room = null;
    this.#clear();
    this.#pending.replaceChildren();
    this.#rooms.replaceChildren();
    this.#setUnread(0);
  }

  // Rooms

  /** @param {string[]} names */
  #offer(names) {
    const known = new Set([...this.#rooms.options].map(({ value }) => value));
    for (const name of names) if (!known.has(name)) this.#rooms.append(element("option", { value: name }, name));
  }

  async #findRooms() {
    const client = this.#client;
    try {
      /** @type {{room_id: string, telemetry: boolean}[]} */
      const rooms = await getAll("/api/rooms", "rooms", this.#token);
      if (this.#client === client) {
        const ids = rooms.filter((room) => !room.telemetry).map((room) => room.room_id);
        this.#offer(ids.filter((id) => !/[+#]/.test(id)));
      }
    } catch {
      // The rooms of the URL are available nevertheless.
    }
  }

  /** @param {string} room */
  #enter(room) {
    const client = this.#client;
    if (!client) return;
    this.#handle?.leave();
    this.#room = room;
    this.#clear();
    this.#setUnread(0);
    this.#handle = client.join(room, {
      onJoined: (joined) => this.#joined(room, joined),
      onMessage: (_, message) => this.#received(message),
      onPresence: ({ user_id: user, event }) => this.#members.move(user, event, client.userID),
      onGap: ({ reason }) => this.#missed(room, reason),
      onError: (error) => {
        if (error.code === "closed" || error.code === "left") return;
        this.#fail(error.code === "forbidden" ? `Your token does not grant ${room}.` : error.message);
        this.#form.hidden = true;
      },
    });
  }

  #clear() {
    this.#members.clear();
    this.#log.replaceChildren();
    this.#earlier.hidden = true;
    this.#empty.hidden = true;
    this.#form.hidden = false;
    this.#fail("");
  }

  /**
   * @param {string} room
   * @param {import("../../windsock-client.js").Joined} joined
   */
  async #joined(room, { offset = 0 }) {
    const client = this.#client;
    const members = this.#findMembers(room);
    try {
      const history = this.#log.childElementCount === 0 && offset > 0 ? await this.#page(`before=${offset + 1}`) : null;
      if (this.#client !== client || this.#room !== room) return;
      if (history) this.#showPage(history);
    } catch (error) {
      this.#failIn(room, error);
    }
    await members;
    this.#empty.hidden = this.#log.childElementCount > 0;
  }

  /** @param {string} room */
  async #findMembers(room) {
    const client = this.#client;
    if (!client) return;
    this.#members.requested();
    try {
      /** @type {{members: {user_id: string}[]}} */
      const here = await getJSON(`/api/rooms/members?limit=1000&room_id=${encodeURIComponent(room)}`, this.#token);
      if (this.#client !== client || this.#room !== room) return;
      this.#members.set(here.members.map(({ user_id: user }) => user), client.userID);
    } catch (error) {
      this.#failIn(room, error);
    }
  }

  /**
   * Takes a gap. Without a reason, presence events were dropped, and the members are requested again.
   * @param {string} room
   * @param {string} [reason]
   */
  #missed(room, reason) {
    if (reason === undefined) this.#findMembers(room);
    else this.#log.append(element("li", { className: "chat-gap" }, `Messages are missing. ${reason}`));
  }

  /**
   * @param {string} room
   * @param {{status?: number, message: string}} error
   */
  #failIn(room, error) {
    if (this.#room === room && error.status !== undefined) this.#fail(error.message);
  }

  /**
   * @param {string} bounds
   * @returns {Promise<Page>}
   */
  #page(bounds) {
    const room = encodeURIComponent(this.#room ?? "");
    return getJSON(`/api/rooms/history?room_id=${room}&limit=${pageSize}&${bounds}`, this.#token);
  }

  async #loadEarlier() {
    const first = /** @type {HTMLElement | null} */ (this.#log.querySelector("[data-offset]"));
    if (!first) return;
    this.#earlier.disabled = true;
    try {
      const height = this.#scroll.scrollHeight;
      this.#showPage(await this.#page(`before=${first.dataset.offset}`));
      this.#scroll.scrollTop += this.#scroll.scrollHeight - height;
    } catch (error) {
      this.#fail(error.message);
    }
    this.#earlier.disabled = false;
  }

  /** @param {Page} page */
  #showPage({ messages, has_more: hasMore }) {
    for (const message of messages) this.#insert(message);
    this.#earlier.hidden = !hasMore;
    this.#toEnd();
  }

  // Messages

  /** @param {Envelope} message */
  #received(message) {
    const isAtEnd = this.#isAtEnd();
    this.#insert(message);
    this.#empty.hidden = true;
    while (this.#log.childElementCount > maxShown) {
      this.#log.firstElementChild?.remove();
      this.#earlier.hidden = false;
    }
    if (isAtEnd) this.#toEnd();
    // The list of alerts counts alerts.
    const isNews = message.type === "chat_message" && message.payload.user_id !== this.#client?.userID;
    if (isNews && !this.#isSeen()) this.#setUnread(this.#unread + 1);
  }

  /**
   * Inserts a message by its offset, unless it is there already.
   * @param {Envelope} message
   */
  #insert(message) {
    const { offset = 0 } = message;
    const items = /** @type {HTMLCollectionOf<HTMLElement>} */ (this.#log.children);
    let index = items.length;
    while (index > 0 && Number(items[index - 1].dataset.offset ?? 0) > offset) index -= 1;
    const after = items[index - 1];
    if (Number(after?.dataset.offset) === offset) return;
    const item = chatItem(message, this.#client?.userID ?? null);
    if (!item) return;
    if (after) after.after(item);
    else this.#log.prepend(item);
  }

  #send() {
    const content = this.#input.value.trim();
    if (content === "" || !this.#room || !this.#client) return;
    this.#input.value = "";
    this.#fail("");
    const status = element("p", { className: "chat-meta" }, "Sending…");
    const item = element("li", { className: "chat-message", dataset: { mine: true, state: "sending" } },
      element("p", { className: "chat-text" }, content), status);
    this.#pending.append(item);
    this.#toEnd();
    this.#client.sendToRoom(this.#room, content).then(
      () => item.remove(),
      (error) => {
        if (error.code === "closed") return;
        item.dataset.state = "failed";
        const again = element("button", { className: "text-button", type: "button", onclick: () => {
          item.remove();
          this.#input.value = content;
          this.#input.focus();
        } }, "Edit and send again");
        status.replaceChildren(`Not sent: ${error.message} `, again);
      });
  }

  /** @param {string} message */
  #fail(message) {
    setText(this.#error, message);
    this.#error.hidden = message === "";
  }

  // Read state

  #opened() {
    this.#setUnread(0);
    this.#toEnd();
    if (matchMedia("(hover: hover)").matches) this.#input.focus();
  }

  #isSeen() {
    return this.#drawers.isOpen("chat") && document.visibilityState === "visible";
  }

  #isAtEnd() {
    return this.#scroll.scrollHeight - this.#scroll.scrollTop - this.#scroll.clientHeight < 60;
  }

  #toEnd() {
    this.#scroll.scrollTop = this.#scroll.scrollHeight;
  }

  /** @param {number} count */
  #setUnread(count) {
    this.#unread = count;
    setCount(this.#button, this.#badge, "Chat", count);
  }
}
