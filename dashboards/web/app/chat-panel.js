import { getAll, getJSON } from "./api.js";
import { chatItem } from "./chat-items.js";
import { ChatMembers } from "./chat-members.js";
import { element, setText } from "./dom.js";
import { setCount } from "./drawers.js";

/** Messages that are shown; older ones are a click away. */
const maxShown = 500;
const pageSize = 50;

/**
 * What is said in one room, and who is there. The client library keeps the order and fills holes; this draws it.
 *
 * Messages carry their place in the room as `data-offset`; those under way stand below, until they are acknowledged.
 */
export class ChatPanel {
  #drawers;
  #button = document.getElementById("chat-toggle");
  #badge = document.getElementById("chat-count");
  #rooms = document.getElementById("chat-room");
  #members = new ChatMembers();
  #scroll = document.getElementById("chat-scroll");
  #earlier = document.getElementById("chat-earlier");
  #empty = document.getElementById("chat-empty");
  #log = document.getElementById("chat-log");
  #pending = document.getElementById("chat-pending");
  #error = document.getElementById("chat-error");
  #form = document.getElementById("chat-form");
  #input = document.getElementById("chat-input");
  #client = null;
  #token = "";
  #room = null;
  #handle = null;
  #unread = 0;

  /** @param {import("./drawers.js").Drawers} drawers */
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

  /** @param {import("../windsock-client.js").WindsockClient} client @param {string} token */
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

  #offer(names) {
    const known = new Set([...this.#rooms.options].map(({ value }) => value));
    for (const name of names) if (!known.has(name)) this.#rooms.append(element("option", { value: name }, name));
  }

  async #findRooms() {
    const client = this.#client;
    try {
      const rooms = await getAll("/api/rooms", "rooms", this.#token);
      if (this.#client === client) {
        this.#offer(rooms.filter(({ telemetry, room_id: id }) => !telemetry && !/[+#]/.test(id)).map((room) => room.room_id));
      }
    } catch {
      // The rooms of the address are there all the same.
    }
  }

  #enter(room) {
    this.#handle?.leave();
    this.#room = room;
    this.#clear();
    this.#setUnread(0);
    this.#handle = this.#client.join(room, {
      onJoined: (joined) => this.#joined(room, joined),
      onMessage: (payload, message) => this.#received(message),
      onPresence: ({ user_id: user, event }) => this.#members.move(user, event, this.#client.userID),
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

  async #joined(room, { offset }) {
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

  async #findMembers(room) {
    const client = this.#client;
    this.#members.asked();
    try {
      const here = await getJSON(`/api/rooms/members?limit=1000&room_id=${encodeURIComponent(room)}`, this.#token);
      if (this.#client !== client || this.#room !== room) return;
      this.#members.set(here.members.map(({ user_id: user }) => user), client.userID);
    } catch (error) {
      this.#failIn(room, error);
    }
  }

  /** Without a reason it is presence that was left out: who is here is asked for again. */
  #missed(room, reason) {
    if (reason === undefined) this.#findMembers(room);
    else this.#log.append(element("li", { className: "chat-gap" }, `Messages are missing. ${reason}`));
  }

  #failIn(room, error) {
    if (this.#room === room && error.status !== undefined) this.#fail(error.message);
  }

  #page(bounds) {
    return getJSON(`/api/rooms/history?room_id=${encodeURIComponent(this.#room)}&limit=${pageSize}&${bounds}`, this.#token);
  }

  async #loadEarlier() {
    const first = this.#log.querySelector("[data-offset]");
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

  #showPage({ messages, has_more: hasMore }) {
    for (const message of messages) this.#insert(message);
    this.#earlier.hidden = !hasMore;
    this.#toEnd();
  }

  // Messages

  #received(message) {
    const isAtEnd = this.#isAtEnd();
    this.#insert(message);
    this.#empty.hidden = true;
    while (this.#log.childElementCount > maxShown) {
      this.#log.firstElementChild.remove();
      this.#earlier.hidden = false;
    }
    if (isAtEnd) this.#toEnd();
    if (message.payload.user_id !== this.#client.userID && !this.#isSeen()) this.#setUnread(this.#unread + 1);
  }

  /** Puts a message in its place; one that is there already stays. */
  #insert(message) {
    let after = this.#log.lastElementChild;
    while (after && Number(after.dataset.offset ?? 0) > message.offset) after = after.previousElementSibling;
    if (Number(after?.dataset.offset) === message.offset) return;
    const item = chatItem(message, this.#client.userID);
    if (!item) return;
    if (after) after.after(item);
    else this.#log.prepend(item);
  }

  #send() {
    const content = this.#input.value.trim();
    if (content === "" || !this.#room) return;
    this.#input.value = "";
    this.#fail("");
    const item = element("li", { className: "chat-message", dataset: { mine: true, state: "sending" } },
      element("p", { className: "chat-text" }, content),
      element("p", { className: "chat-meta" }, "Sending…"));
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
        item.lastElementChild.replaceChildren(`Not sent: ${error.message} `, again);
      });
  }

  #fail(message) {
    setText(this.#error, message);
    this.#error.hidden = message === "";
  }

  // Reading

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

  #setUnread(count) {
    this.#unread = count;
    setCount(this.#button, this.#badge, "Chat", count);
  }
}
