import { byID, setText } from "../shared/dom.js";

/** Maximum number of names in the line. */
const maxNames = 8;

/** The members of a room: the requested list, and the joins and leaves since then. */
export class ChatMembers {
  #line = byID("chat-members", "p");
  /** @type {Set<string>} */
  #users = new Set();
  /**
   * The last event of each user since the request. The list may not include it.
   * @type {Map<string, "join" | "leave">}
   */
  #moves = new Map();

  clear() {
    this.#users.clear();
    setText(this.#line, "");
  }

  /** Notes that the list is being requested. */
  requested() {
    this.#moves = new Map();
  }

  /**
   * Takes the list.
   * @param {string[]} users
   * @param {string | null} self
   */
  set(users, self) {
    this.#users = new Set(users);
    for (const [user, event] of this.#moves) this.#apply(user, event);
    this.#show(self);
  }

  /**
   * @param {string} user
   * @param {"join" | "leave"} event
   * @param {string | null} self
   */
  move(user, event, self) {
    this.#moves.set(user, event);
    this.#apply(user, event);
    this.#show(self);
  }

  /**
   * @param {string} user
   * @param {"join" | "leave"} event
   */
  #apply(user, event) {
    if (event === "join") this.#users.add(user);
    else this.#users.delete(user);
  }

  /** @param {string | null} self */
  #show(self) {
    const names = [...this.#users].sort().map((user) => (user === self ? "you" : user));
    const more = names.length > maxNames ? ` and ${names.length - maxNames} more` : "";
    const shown = names.slice(0, maxNames).join(", ");
    setText(this.#line, names.length === 0 ? "" : `${names.length} here: ${shown}${more}`);
    this.#line.dataset.users = [...this.#users].sort().join(",");
  }
}
