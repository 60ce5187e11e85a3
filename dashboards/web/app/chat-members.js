import { setText } from "./dom.js";

/** Names that stand in the line of who is here. */
const maxNames = 8;

/** Who is in a room: the list that was asked for, and who came and went since. */
export class ChatMembers {
  #line = document.getElementById("chat-members");
  #users = new Set();
  /** The last event of each user since the list was asked for: it is not in the list. */
  #moves = new Map();

  clear() {
    this.#users.clear();
    setText(this.#line, "");
  }

  /** The list is being asked for. */
  asked() {
    this.#moves = new Map();
  }

  /** The list came. @param {string[]} users @param {string} self */
  set(users, self) {
    this.#users = new Set(users);
    for (const [user, event] of this.#moves) this.#apply(user, event);
    this.#show(self);
  }

  /** @param {string} user @param {"join" | "leave"} event @param {string} self */
  move(user, event, self) {
    this.#moves.set(user, event);
    this.#apply(user, event);
    this.#show(self);
  }

  #apply(user, event) {
    if (event === "join") this.#users.add(user);
    else this.#users.delete(user);
  }

  #show(self) {
    const names = [...this.#users].sort().map((user) => (user === self ? "you" : user));
    const more = names.length > maxNames ? ` and ${names.length - maxNames} more` : "";
    setText(this.#line, names.length === 0 ? "" : `${names.length} here: ${names.slice(0, maxNames).join(", ")}${more}`);
    this.#line.dataset.users = [...this.#users].sort().join(",");
  }
}
