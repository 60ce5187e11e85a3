/** The panels at the side: one open at a time, closed by Escape, their buttons say which one is. */
export class Drawers {
  /** @type {Map<string, {drawer: HTMLElement, button: HTMLElement, onOpen?: () => void}>} */
  #drawers = new Map();
  #open = null;

  constructor() {
    addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.#open) this.close({ returnsFocus: true });
    });
    for (const button of document.querySelectorAll("[data-close]")) {
      button.addEventListener("click", () => this.close({ returnsFocus: true }));
    }
  }

  /** @param {string} id of the drawer @param {HTMLElement} button toggles it @param {() => void} [onOpen] */
  add(id, button, onOpen) {
    this.#drawers.set(id, { drawer: document.getElementById(id), button, onOpen });
    button.addEventListener("click", () => (this.#open === id ? this.close() : this.open(id)));
  }

  /** @param {string} id */
  isOpen(id) {
    return this.#open === id;
  }

  /** @param {string} id */
  open(id) {
    this.close();
    const { drawer, button, onOpen } = this.#drawers.get(id);
    this.#open = id;
    drawer.hidden = false;
    button.setAttribute("aria-expanded", "true");
    document.documentElement.dataset.drawer = id;
    onOpen?.();
  }

  /** Closes whichever is open. */
  close({ returnsFocus = false } = {}) {
    const open = this.#drawers.get(this.#open);
    if (!open) return;
    this.#open = null;
    open.drawer.hidden = true;
    open.button.setAttribute("aria-expanded", "false");
    delete document.documentElement.dataset.drawer;
    if (returnsFocus) open.button.focus();
  }
}

/** Shows a count on a button, or nothing for zero; the button's name says it too. */
export function setCount(button, badge, name, count, what = "unread") {
  badge.hidden = count === 0;
  badge.textContent = count > 99 ? "99+" : String(count);
  button.setAttribute("aria-label", count === 0 ? name : `${name}, ${count} ${what}`);
}
