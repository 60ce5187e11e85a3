import { element } from "./dom.js";
import { safeLink } from "./links.js";

/** How long a toast stays, by priority; `low` shows none, `critical` stays until it is closed. */
const durations = { normal: 6_000, high: 12_000, critical: Infinity };
const maxToasts = 4;

/** New notifications at the edge of the page. */
export class Toasts {
  #region = document.getElementById("toasts");
  #onRead;

  /** @param {(id: string) => void} onRead called when the user has taken notice of one */
  constructor(onRead) {
    this.#onRead = onRead;
  }

  /** @param {import("../windsock-client.js").Notification} notification */
  show({ notification_id: id, title, body, link, priority }) {
    const duration = durations[priority] ?? (priority === "low" ? 0 : durations.normal);
    if (duration === 0) return;
    const target = safeLink(link);
    const toast = element("div", {
      className: "toast", dataset: { priority, notificationId: id, testid: "toast" },
      attributes: { role: priority === "critical" ? "alert" : "status" },
    },
      element("div", { className: "toast-text" },
        element("strong", {}, title),
        body ? element("p", {}, body) : null,
        target ? element("a", { href: target.href, ...outside(target), onclick: () => this.#close(toast, id) }, "Open") : null),
      element("button", {
        className: "icon-button", type: "button", textContent: "✕", onclick: () => this.#close(toast, id),
        attributes: { "aria-label": `Close: ${title}` },
      }));
    while (this.#region.childElementCount >= maxToasts) this.#oldest().remove();
    this.#region.append(toast);
    if (Number.isFinite(duration)) this.#removeLater(toast, duration);
  }

  /** What was read elsewhere needs no toast. @param {string} id or `all` */
  remove(id) {
    for (const toast of [...this.#region.children]) {
      if (id === "all" || toast.dataset.notificationId === id) toast.remove();
    }
  }

  clear() {
    this.#region.replaceChildren();
  }

  #close(toast, id) {
    toast.remove();
    this.#onRead(id);
  }

  /** Critical ones give way last. */
  #oldest() {
    return this.#region.querySelector(".toast:not([data-priority=critical])") ?? this.#region.firstElementChild;
  }

  /** Whoever reads it is not hurried. */
  #removeLater(toast, duration) {
    let timer = setTimeout(() => toast.remove(), duration);
    toast.addEventListener("pointerenter", () => clearTimeout(timer));
    toast.addEventListener("focusin", () => clearTimeout(timer));
    toast.addEventListener("pointerleave", () => (timer = setTimeout(() => toast.remove(), duration / 2)));
  }
}

/** Another site gets neither our address nor our window. */
export function outside({ isOwn }) {
  return isOwn ? {} : { target: "_blank", rel: "noopener noreferrer" };
}
