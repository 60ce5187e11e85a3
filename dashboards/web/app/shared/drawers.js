import { byID } from "./dom.js";

/** The drawers at the side. One is open at a time; Escape closes it. */
export class Drawers {
  /** @type {Map<string, {drawer: HTMLElement, button: HTMLElement, onOpen?: () => void}>} */
  #drawers = new Map();
  /**
   * Id of the open drawer.
   * @type {string | null}
   */
  #open = null;

  constructor() {
    addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.#open) this.close({ returnsFocus: true });
    });
    for (const button of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-close]"))) {
      button.addEventListener("click", () => this.close({ returnsFocus: true }));
    }
  }

  /**
   * @param {string} id of the drawer
   * @param {HTMLElement} button toggles the drawer
   * @param {() => void} [onOpen]
   */
  add(id, button, onOpen) {
    this.#drawers.set(id, { drawer: byID(id, "aside"), button, onOpen });
    button.addEventListener("click", () => (this.#open === id ? this.close() : this.open(id)));
  }

  /** @param {string} id */
  isOpen(id) {
    return this.#open === id;
  }

  /** @param {string} id */
  open(id) {
    this.close();
    const opened = this.#drawers.get(id);
    if (!opened) return;
    const { drawer, button, onOpen } = opened;
    this.#open = id;
    drawer.hidden = false;
    button.setAttribute("aria-expanded", "true");
    document.documentElement.dataset.drawer = id;
    onOpen?.();
  }

  /**
   * Closes the open drawer.
   * @param {{returnsFocus?: boolean}} options `returnsFocus`: to the drawer's button
   */
  close({ returnsFocus = false } = {}) {
    const open = this.#open === null ? undefined : this.#drawers.get(this.#open);
    if (!open) return;
    this.#open = null;
    open.drawer.hidden = true;
    open.button.setAttribute("aria-expanded", "false");
    delete document.documentElement.dataset.drawer;
    if (returnsFocus) open.button.focus();
  }
}

/**
 * Shows a count on a button and in its accessible name, or nothing for zero.
 * @param {HTMLElement} button
 * @param {HTMLElement} badge
 * @param {string} name
 * @param {number} count
 * @param {string} what
 */
export function setCount(button, badge, name, count, what = "unread") {
  badge.hidden = count === 0;
  badge.textContent = count > 99 ? "99+" : String(count);
  button.setAttribute("aria-label", count === 0 ? name : `${name}, ${count} ${what}`);
}
