import { describeAlert } from "../alerts/alert-words.js";
import { element, setData, setText } from "../shared/dom.js";
import { formatAge } from "../shared/format.js";

const columns = ["Series", "Latest", "Lowest", "Mean", "Highest", "Updated"];

/**
 * @typedef {{label: string, latest: string, lowest: string, mean: string, highest: string, ageMs: number,
 *   isStale: boolean}} SummaryRow
 */

/** A chart as a table: each series with its range within the window, and the alerts. */
export class ChartSummary {
  /** @type {{root: HTMLTableRowElement, cells: HTMLTableCellElement[]}[]} */
  #rows = [];
  #body = element("tbody");
  #alerts = element("ul", { className: "summary-alerts", attributes: { "aria-label": "Alerts" }, hidden: true });

  /** @param {string} title */
  constructor(title) {
    this.root = element(
      "div",
      { className: "scroller", tabIndex: 0, attributes: { role: "region", "aria-label": `${title}, table` } },
      element(
        "table", { className: "table" },
        element("caption", { className: "visually-hidden", textContent: title }),
        element("thead", {}, element("tr", {},
          ...columns.map((name) => element("th", { scope: "col", textContent: name })))),
        this.#body,
      ),
      this.#alerts,
    );
  }

  /**
   * @param {SummaryRow[]} rows
   * @param {import("../alerts/alert-book.js").Alert[]} alerts within the window
   */
  show(rows, alerts) {
    while (this.#rows.length < rows.length) this.#rows.push(this.#addRow());
    for (const row of this.#rows.splice(rows.length)) row.root.remove();
    for (const [index, { label, latest, lowest, mean, highest, ageMs, isStale }] of rows.entries()) {
      const { root, cells } = this.#rows[index];
      for (const [column, text] of [label, latest, lowest, mean, highest, formatAge(ageMs)].entries()) {
        setText(cells[column], text);
      }
      setData(root, "stale", isStale ? "true" : null);
    }
    this.#showAlerts(alerts);
  }

  /** @param {import("../alerts/alert-book.js").Alert[]} alerts */
  #showAlerts(alerts) {
    const texts = alerts.map(describeAlert);
    if (texts.join("\n") === [...this.#alerts.children].map(({ textContent }) => textContent).join("\n")) return;
    this.#alerts.hidden = alerts.length === 0;
    this.#alerts.replaceChildren(...alerts.map(({ severity, alert_id: id }, index) =>
      element("li", { dataset: { severity, alertId: id } }, texts[index])));
  }

  #addRow() {
    const cells = columns.map((_, index) =>
      index === 0 ? element("th", { scope: "row" }) : element("td"));
    const root = element("tr", {}, ...cells);
    this.#body.append(root);
    return { root, cells };
  }
}
