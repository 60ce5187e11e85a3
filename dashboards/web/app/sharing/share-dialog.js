import { getAll, requestJSON } from "../shared/api.js";
import { copyText } from "../shared/copy-button.js";
import { byID, element, setText } from "../shared/dom.js";

/**
 * An element of `GET /api/shares`.
 * @typedef {{share_id: string, dashboard: string, name?: string, created_by: string, created_at: string,
 *   expires_at: string}} Share
 */

/** The dialog that creates, lists and revokes the share links of a dashboard, and the button that opens it. */
export class ShareDialog {
  #button = byID("share", "button");
  #dialog = byID("share-dialog", "dialog");
  #title = byID("share-title", "h2");
  #form = byID("share-form", "form");
  #name = byID("share-name", "input");
  #lifetime = byID("share-ttl", "select");
  #create = byID("share-create", "button");
  #problem = byID("share-problem", "p");
  #created = byID("share-created", "div");
  #link = byID("share-link", "input");
  #kiosk = byID("share-kiosk", "input");
  #copied = byID("share-copied", "span");
  #note = byID("share-note", "p");
  #list = byID("share-list", "ul");
  /** The token that creates shares; empty when it may not. */
  #token = "";
  #dashboard = { id: "", title: "" };
  /** The token of the share that was created last. */
  #shared = "";
  /**
   * Identity of the running request for the list; answers to others are dropped.
   * @type {symbol | null}
   */
  #latest = null;

  constructor() {
    this.#button.addEventListener("click", () => this.#open());
    byID("share-close", "button").addEventListener("click", () => this.close());
    this.#dialog.addEventListener("click", (event) => event.target === this.#dialog && this.close());
    // Escape closes the dialog without a call of `close`.
    this.#dialog.addEventListener("close", () => this.#forget());
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#kiosk.addEventListener("change", () => this.#showLink());
    byID("share-copy", "button").addEventListener("click", () => this.#copy());
  }

  /**
   * Shows the button to those who may share.
   * @param {string} token
   * @param {boolean} mayShare
   */
  attach(token, mayShare) {
    this.#token = mayShare ? token : "";
    this.#button.hidden = !mayShare;
  }

  /**
   * Sets the dashboard that the button shares.
   * @param {{id: string, title: string}} dashboard
   */
  show(dashboard) {
    this.#dashboard = dashboard;
    this.close();
  }

  detach() {
    this.attach("", false);
    this.close();
  }

  close() {
    if (this.#dialog.open) this.#dialog.close();
  }

  #open() {
    setText(this.#title, `Share “${this.#dashboard.title}”`);
    this.#name.value = "";
    this.#forget();
    this.#fail("");
    this.#list.replaceChildren();
    this.#dialog.showModal();
    this.#load();
  }

  /** Forgets the link that was created, and drops the answer to a running request for the list. */
  #forget() {
    this.#latest = null;
    this.#shared = this.#link.value = "";
    this.#created.hidden = true;
  }

  async #load() {
    const latest = (this.#latest = Symbol("load"));
    setText(this.#note, "Loading…");
    try {
      const path = `/api/shares?dashboard=${encodeURIComponent(this.#dashboard.id)}`;
      /** @type {Share[]} */
      const shares = await getAll(path, "shares", this.#token);
      if (this.#latest !== latest) return;
      this.#latest = null;
      shares.sort((one, other) => (one.created_at < other.created_at ? 1 : -1));
      this.#list.replaceChildren(...shares.map((share) => this.#row(share)));
      this.#noteCount();
    } catch (error) {
      if (this.#latest !== latest) return;
      this.#latest = null;
      setText(this.#note, `The links could not be listed: ${error.message}`);
    }
  }

  async #submit() {
    const name = this.#name.value.trim();
    const body = { dashboard: this.#dashboard.id, ttl: this.#lifetime.value, ...(name && { name }) };
    this.#create.disabled = true;
    try {
      const share = await requestJSON("/api/shares", this.#token, { method: "POST", body });
      if (!this.#dialog.open || share.dashboard !== this.#dashboard.id) return;
      this.#fail("");
      this.#name.value = "";
      this.#shared = share.token;
      this.#created.hidden = false;
      this.#showLink();
      this.#link.focus();
      this.#link.select();
      this.#list.prepend(this.#row(share));
      this.#changed();
    } catch (error) {
      this.#fail(error.message);
    } finally {
      this.#create.disabled = false;
    }
  }

  #showLink() {
    const kiosk = this.#kiosk.checked ? "&kiosk" : "";
    const query = `?dashboard=${encodeURIComponent(this.#dashboard.id)}${kiosk}`;
    this.#link.value = `${location.origin}${location.pathname}${query}#token=${this.#shared}`;
    setText(this.#copied, "");
  }

  async #copy() {
    this.#link.select();
    const isCopied = await copyText(this.#link.value);
    setText(this.#copied, isCopied ? "Copied." : "Press Ctrl+C to copy the selected link.");
  }

  /** @param {Share} share */
  #row(share) {
    const row = element("li", { className: "share-row", dataset: { shareId: share.share_id } },
      element("div", {},
        element("strong", {}, share.name ?? "Without a name"),
        element("p", { className: "quiet" },
          `by ${share.created_by}, valid until ${new Date(share.expires_at).toLocaleString()}`)),
      element("button", {
        className: "button", type: "button", textContent: "Revoke",
        attributes: { "aria-label": `Revoke ${share.name ?? "the link without a name"}` },
        onclick: (/** @type {MouseEvent} */ event) =>
          this.#revoke(share, row, /** @type {HTMLButtonElement} */ (event.currentTarget)),
      }));
    return row;
  }

  /**
   * @param {Share} share
   * @param {HTMLElement} row
   * @param {HTMLButtonElement} button
   */
  async #revoke(share, row, button) {
    button.disabled = true;
    try {
      await requestJSON(`/api/shares/${encodeURIComponent(share.share_id)}`, this.#token, { method: "DELETE" });
      this.#fail("");
    } catch (error) {
      // Status 404: somebody else has revoked it.
      if (error.status !== 404) {
        button.disabled = false;
        return this.#fail(`The link could not be revoked: ${error.message}`);
      }
    }
    row.remove();
    this.#changed();
  }

  /** Notes that the list has changed. A running request may not know the change, so it is repeated. */
  #changed() {
    if (this.#latest) this.#load();
    else this.#noteCount();
  }

  #noteCount() {
    const count = this.#list.childElementCount;
    setText(this.#note, count === 0 ? "There are no links to this dashboard." : "");
  }

  /** @param {string} message */
  #fail(message) {
    setText(this.#problem, message);
    this.#problem.hidden = message === "";
  }
}
