import { byID, element } from "../shared/dom.js";
import { placeAddress } from "../shared/places.js";

/** The dashboards' tabs. The URL names the shown dashboard. */
export class DashboardNavigation {
  #list = byID("dashboards", "ul");
  #onShow;

  /** @param {() => void} onShow the URL names another dashboard */
  constructor(onShow) {
    this.#onShow = onShow;
  }

  /** @param {{id: string, title: string}[]} dashboards */
  build(dashboards) {
    const links = dashboards.map(({ id, title }) =>
      element("a", {
        href: placeAddress({ dashboard: id }), textContent: title, dataset: { dashboard: id },
        onclick: (/** @type {MouseEvent} */ event) => {
          if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
          event.preventDefault();
          history.pushState(null, "", placeAddress({ dashboard: id }));
          this.#onShow();
        },
      }));
    this.#list.replaceChildren(...links.map((link) => element("li", {}, link)));
  }

  /**
   * Marks the tab of the shown dashboard.
   * @param {string} shownID empty: another place is shown
   */
  mark(shownID) {
    for (const link of this.#list.querySelectorAll("a")) {
      link.href = placeAddress({ dashboard: link.dataset.dashboard ?? "" });
      if (link.dataset.dashboard !== shownID) link.removeAttribute("aria-current");
      else {
        link.setAttribute("aria-current", "page");
        link.scrollIntoView({ block: "nearest", inline: "center" });
      }
    }
  }
}
