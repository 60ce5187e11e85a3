import { byID, element } from "../shared/dom.js";

/**
 * @typedef {Pick<import("../../windsock-client.js").Notification,
 *   "notification_id" | "title" | "body" | "link" | "priority">} Toast
 */

/** Time for which a toast is shown, by priority. `critical` stays until it is closed. */
const durations = { low: 0, normal: 6_000, high: 12_000, critical: Infinity };
const maxToasts = 4;

/** Toasts: new notifications at the edge of the page. */
export class Toasts {
  #region = byID("toasts", "div");
  #onRead;

  /** @param {(id: string) => void} onRead the user has read a notification */
  constructor(onRead) {
    this.#onRead = onRead;
  }

  /** @param {Toast} notification */
  show({ notification_id: id, title, body, link, priority }) {
    const duration = durations[priority] ?? durations.normal;
    if (duration === 0) return;
    const target = safeLink(link);
    /** @type {HTMLElement} */
    const toast = element("div", {
      className: "toast", dataset: { priority, notificationId: id, testid: "toast" },
      attributes: { role: priority === "critical" ? "alert" : "status" },
    },
      element("div", { className: "toast-text" },
        element("strong", {}, title),
        body ? element("p", {}, body) : null,
        target
          ? element("a", { href: target.href, ...outside(target), onclick: () => this.#close(toast, id) }, "Open")
          : null),
      element("button", {
        className: "icon-button", type: "button", textContent: "✕", onclick: () => this.#close(toast, id),
        attributes: { "aria-label": `Close: ${title}` },
      }));
    while (this.#region.childElementCount >= maxToasts) this.#oldest()?.remove();
    this.#region.append(toast);
    if (Number.isFinite(duration)) this.#removeLater(toast, duration);
  }

  /**
   * Removes the toast of a notification that was read elsewhere.
   * @param {string} id or `all`
   */
  remove(id) {
    for (const toast of /** @type {HTMLElement[]} */ ([...this.#region.children])) {
      if (id === "all" || toast.dataset.notificationId === id) toast.remove();
    }
  }

  clear() {
    this.#region.replaceChildren();
  }

  /**
   * @param {HTMLElement} toast
   * @param {string} id
   */
  #close(toast, id) {
    toast.remove();
    this.#onRead(id);
  }

  /** Returns the oldest toast that is not critical, else the oldest. */
  #oldest() {
    return this.#region.querySelector(".toast:not([data-priority=critical])") ?? this.#region.firstElementChild;
  }

  /**
   * Removes a toast later; never while the user points at it.
   * @param {HTMLElement} toast
   * @param {number} duration
   */
  #removeLater(toast, duration) {
    let timer = setTimeout(() => toast.remove(), duration);
    toast.addEventListener("pointerenter", () => clearTimeout(timer));
    toast.addEventListener("focusin", () => clearTimeout(timer));
    toast.addEventListener("pointerleave", () => (timer = setTimeout(() => toast.remove(), duration / 2)));
  }
}

/**
 * Attributes of a link: another site gets neither our URL nor our window.
 * @param {{isOwn: boolean}} link
 */
export function outside({ isOwn }) {
  return isOwn ? {} : { target: "_blank", rel: "noopener noreferrer" };
}

/**
 * Returns the safe target of a link: http, https, or a path of this page's origin; `null` for anything else. The
 * gateway checks links, too, but a page that shows foreign content checks for itself.
 * @param {string | undefined} link
 * @returns {{href: string, isOwn: boolean} | null}
 */
export function safeLink(link) {
  if (!link || /[\s\\]/.test(link)) return null;
  if (link.startsWith("/")) return link.startsWith("//") ? null : { href: link, isOwn: true };
  try {
    const { protocol, href } = new URL(link);
    return protocol === "http:" || protocol === "https:" ? { href, isOwn: false } : null;
  } catch {
    return null;
  }
}
