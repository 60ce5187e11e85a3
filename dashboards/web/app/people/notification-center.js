import { getJSON } from "../shared/api.js";
import { byID, element } from "../shared/dom.js";
import { setCount } from "../shared/drawers.js";
import { outside, safeLink, Toasts } from "./toasts.js";

const pageSize = 30;
/** Maximum number of shown entries. Older ones are loaded on demand. */
const maxShown = 300;

/** @typedef {import("../shared/gateway-types.js").StoredNotification} StoredNotification */

/** The bell: notifications, with a read state shared by the user's clients, and direct messages. */
export class NotificationCenter {
  #drawers;
  #button = byID("bell", "button");
  #badge = byID("bell-count", "span");
  #list = byID("notification-list", "ol");
  #empty = byID("notifications-empty", "p");
  #earlier = byID("notifications-earlier", "button");
  #readAll = byID("read-all", "button");
  #desktop = byID("desktop-notifications", "button");
  #toasts = new Toasts((id) => this.#markRead(id));
  /** @type {import("../../windsock-client.js").WindsockClient | null} */
  #client = null;
  #token = "";
  /** @type {(() => void)[]} */
  #stops = [];

  /** @param {import("../shared/drawers.js").Drawers} drawers */
  constructor(drawers) {
    this.#drawers = drawers;
    drawers.add("notifications", this.#button);
    this.#readAll.addEventListener("click", () => this.#markRead("all"));
    this.#earlier.addEventListener("click", () => this.#load(this.#last));
    this.#desktop.addEventListener("click", async () => {
      await Notification.requestPermission();
      this.#offerDesktop();
    });
    this.#offerDesktop();
  }

  /**
   * @param {import("../../windsock-client.js").WindsockClient} client
   * @param {string} token
   */
  attach(client, token) {
    this.#client = client;
    this.#token = token;
    this.#stops = [
      client.on("notification", (notification) => this.#received(notification)),
      client.on("read", ({ notification_ids: ids = [], all }) => {
        for (const id of all ? ["all"] : ids) this.#showRead(id);
      }),
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

  // Incoming

  /** @param {Omit<StoredNotification, "read">} notification */
  #received(notification) {
    if (this.#find(notification.notification_id)) return;
    this.#list.prepend(this.#item({ ...notification, read: false }));
    while (this.#list.childElementCount > maxShown) this.#list.lastElementChild?.remove();
    this.#showEmpty();
    // Stored notifications are in the list. Only critical ones get a toast later.
    if (!notification.snapshot || notification.priority === "critical") this.#toasts.show(notification);
    if (!notification.snapshot) this.#showOnDesktop(notification);
  }

  /** @param {import("../../windsock-client.js").DirectMessage} message */
  #directMessage({ user_id: user, content, message_id: id }) {
    const time = new Date();
    this.#list.prepend(
      element("li", { className: "notification", dataset: { messageId: id, priority: "normal" } },
        element("p", { className: "notification-title" }, element("strong", {}, `${user} to you`)),
        element("p", { className: "notification-body" }, content),
        element("p", { className: "chat-meta" },
          element("time", { dateTime: time.toISOString() }, time.toLocaleString()))));
    this.#showEmpty();
    this.#toasts.show({ notification_id: id, title: `${user} to you`, body: content, priority: "normal" });
  }

  /** @param {HTMLElement | null} [last] load entries before this one */
  async #load(last) {
    const client = this.#client;
    const before = last ? `&before=${encodeURIComponent(last.dataset.notificationId ?? "")}` : "";
    try {
      /** @type {{notifications: StoredNotification[], has_more: boolean}} */
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

  /** @param {StoredNotification} notification */
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
        target
          ? element("a", { href: target.href, ...outside(target), onclick: () => this.#markRead(id) }, "Open") : null,
        element("button", {
          className: "text-button mark-read", type: "button", textContent: "Mark as read",
          onclick: () => this.#markRead(id),
        })));
  }

  // Read state

  /** @param {string} id or `all` */
  #markRead(id) {
    this.#client?.markRead(id).then(
      () => this.#showRead(id),
      (error) => error.code !== "closed" && error.code !== "not_found" && console.warn(error.message));
  }

  /** @param {string} id or `all` */
  #showRead(id) {
    for (const item of this.#entries()) {
      if (id === "all" || item.dataset.notificationId === id) item.dataset.read = "true";
    }
    this.#toasts.remove(id);
  }

  /** @param {number} count */
  #setUnread(count) {
    setCount(this.#button, this.#badge, "Notifications", count);
    this.#readAll.disabled = count === 0;
  }

  #showEmpty() {
    this.#empty.hidden = this.#list.childElementCount > 0;
  }

  /** @param {string} id */
  #find(id) {
    return this.#entries(`="${CSS.escape(id)}"`).item(0);
  }

  /** The last entry that is a notification. */
  get #last() {
    const entries = this.#entries();
    return entries.item(entries.length - 1);
  }

  /**
   * @param {string} condition on the id, as in a CSS selector
   * @returns {NodeListOf<HTMLElement>}
   */
  #entries(condition = "") {
    return this.#list.querySelectorAll(`[data-notification-id${condition}]`);
  }

  // Desktop notifications

  #offerDesktop() {
    this.#desktop.hidden = !("Notification" in globalThis) || Notification.permission !== "default";
  }

  /** @param {import("../../windsock-client.js").Notification} notification */
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
