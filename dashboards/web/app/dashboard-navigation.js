import { element } from "./dom.js";

/** The dashboards' tabs. Which one is shown stands in the address. */
export class DashboardNavigation {
  #list = document.getElementById("dashboards");
  #onShow;

  /** @param {() => void} onShow the address names another dashboard */
  constructor(onShow) {
    this.#onShow = onShow;
  }

  /** @param {{id: string, title: string}[]} dashboards */
  build(dashboards) {
    const links = dashboards.map(({ id, title }) =>
      element("a", {
        href: address(id), textContent: title, dataset: { dashboard: id },
        onclick: (event) => {
          if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
          event.preventDefault();
          history.pushState(null, "", address(id));
          this.#onShow();
        },
      }));
    this.#list.replaceChildren(...links.map((link) => element("li", {}, link)));
  }

  /** Marks the one that is shown. */
  mark(shownID) {
    for (const link of this.#list.querySelectorAll("a")) {
      link.href = address(link.dataset.dashboard);
      if (link.dataset.dashboard !== shownID) link.removeAttribute("aria-current");
      else {
        link.setAttribute("aria-current", "page");
        link.scrollIntoView({ block: "nearest", inline: "center" });
      }
    }
  }
}

/** The rest of the address stays, as the range; an alert that was asked for is not asked for again. */
function address(id) {
  const parameters = new URLSearchParams(location.search);
  parameters.set("dashboard", id);
  parameters.delete("alert");
  return `${location.pathname}?${parameters}`;
}
