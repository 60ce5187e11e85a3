import { getJSON } from "./api.js";
import { element } from "./dom.js";
import { setCount } from "./drawers.js";
import { safeLink } from "./links.js";
import { outside, Toasts } from "./toasts.js";

const pageSize = 30;
/** Entries that are shown; older ones are a click away. */
const maxShown = 300;

/**
 * The bell: what concerns the user, read state in step with the user's other tabs, and direct messages.
 */
export class NotificationCenter {
  #drawers;
  #button = document.getElementById("bell");
  #badge = document.getElementById("bell-count");
  #list = document.getElementById("notification-list");
  #empty = document.getElementById("notifications-empty");
  #earlier = document.getElementById("notifications-earlier");
  #readAll = document.getElementById("read-all");
  #desktop = document.getElementById("desktop-notifications");
  #toasts = new Toasts((id) => this.#markRead(id));
  #client = null;
  #token = "";
  #stops = [];

  /** @param {import("./drawers.js").Drawers} drawers */
  constructor(drawers) {
    this.#drawers = drawers;
    drawers.add("notifications", this.#button);
    this.#readAll.addEventListener("click", () => this.#markRead("all"));
    this.#earlier.addEventListener("click", () => this.#load(this.#list.querySelector("[data-notification-id]:last-of-type")));
    this.#desktop.addEventListener("click", async () => {
      await Notification.requestPermission();
      this.#offerDesktop();
    });
    this.#offerDesktop();
  }

  /** @param {import("../windsock-client.js").WindsockClient} client @param {string} token */
  attach(client, token) {
    this.#client = client;
    this.#token = token;
    this.#stops = [
      client.on("notification", (notification) => this.#received(notification)),
      client.on("read", ({ notification_ids: ids, all }) => (all ? this.#showRead("all") : ids.forEach((id) => this.#showRead(id)))),
      client.on("unread", (count) => this.#setUnread(count)),
      client.on("direct", (message) => this.#directMessage(message)),
    ];
    this.#load();
  }

  detach() {
    for (const stop of this.#stops) stop();
    this.#stops = [];
    this.#client = null;
    this.#list.replaceChildren();
    this.#toasts.clear();
    this.#setUnread(0);
    this.#showEmpty();
  }

  // Coming

  #received(notification) {
    if (this.#find(notification.notification_id)) return;
    this.#list.prepend(this.#item({ ...notification, read: false }));
    while (this.#list.childElementCount > maxShown) this.#list.lastElementChild.remove();
    this.#showEmpty();
    // Those that waited are in the list; only what matters much is worth a toast after the fact.
    if (!notification.snapshot || notification.priority === "critical") this.#toasts.show(notification);
    if (!notification.snapshot) this.#showOnDesktop(notification);
  }

  #directMessage({ user_id: user, content, message_id: id }) {
    const time = new Date();
    this.#list.prepend(
      element("li", { className: "notification", dataset: { messageId: id, priority: "normal" } },
        element("p", { className: "notification-title" }, element("strong", {}, `${user} to you`)),
        element("p", { className: "notification-body" }, content),
        element("p", { className: "chat-meta" }, element("time", { dateTime: time.toISOString() }, time.toLocaleString()))));
    this.#showEmpty();
    this.#toasts.show({ notification_id: id, title: `${user} to you`, body: content, priority: "normal" });
  }

  async #load(last) {
    const client = this.#client;
    const before = last ? `&before=${encodeURIComponent(last.dataset.notificationId)}` : "";
    try {
      const page = await getJSON(`/api/notifications?limit=${pageSize}${before}`, this.#token);
      if (this.#client !== client) return;
      for (const notification of page.notifications) {
        const known = this.#find(notification.notification_id);
        if (known) known.dataset.read = String(notification.read);
        else this.#list.append(this.#item(notification));
      }
      this.#earlier.hidden = !page.has_more;
    } catch (error) {
      console.warn(`The notifications could not be read: ${error.message}`);
    }
    this.#showEmpty();
  }

  #item({ notification_id: id, title, body, link, priority, created_at: createdAt, read }) {
    const target = safeLink(link);
    const time = new Date(createdAt);
    return element("li", {
      className: "notification", dataset: { notificationId: id, priority, read: String(read) },
    },
      element("p", { className: "notification-title" },
        element("strong", {}, title),
        priority === "normal" ? null : element("span", { className: "priority" }, priority)),
      body ? element("p", { className: "notification-body" }, body) : null,
      element("p", { className: "chat-meta" },
        element("time", { dateTime: createdAt }, time.toLocaleString()),
        target ? element("a", { href: target.href, ...outside(target), onclick: () => this.#markRead(id) }, "Open") : null,
        element("button", {
          className: "text-button mark-read", type: "button", textContent: "Mark as read", onclick: () => this.#markRead(id),
        })));
  }

  // Reading

  #markRead(id) {
    this.#client?.markRead(id).then(
      () => this.#showRead(id),
      (error) => error.code !== "closed" && error.code !== "not_found" && console.warn(error.message));
  }

  #showRead(id) {
    for (const item of this.#list.querySelectorAll("[data-notification-id]")) {
      if (id === "all" || item.dataset.notificationId === id) item.dataset.read = "true";
    }
    this.#toasts.remove(id);
  }

  #setUnread(count) {
    setCount(this.#button, this.#badge, "Notifications", count);
    this.#readAll.disabled = count === 0;
  }

  #showEmpty() {
    this.#empty.hidden = this.#list.childElementCount > 0;
  }

  #find(id) {
    return this.#list.querySelector(`[data-notification-id="${CSS.escape(id)}"]`);
  }

  // The desktop

  #offerDesktop() {
    this.#desktop.hidden = !("Notification" in globalThis) || Notification.permission !== "default";
  }

  #showOnDesktop({ notification_id: tag, title, body, priority }) {
    if (!("Notification" in globalThis) || Notification.permission !== "granted" || priority === "low") return;
    if (document.visibilityState === "visible") return;
    const shown = new Notification(title, { body, tag });
    shown.addEventListener("click", () => {
      focus();
      this.#drawers.open("notifications");
    });
  }
}
