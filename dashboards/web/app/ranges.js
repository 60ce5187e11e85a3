const key = "windsock.range";

/**
 * How far back a dashboard goes.
 * @typedef {object} Range
 * @property {string} id as it stands in the address
 * @property {string} label
 * @property {number | null} ms null: each panel's own window, five minutes unless the dashboard says otherwise
 */
/** @type {Range[]} */
export const ranges = [
  { id: "5m", label: "5 min", ms: null },
  { id: "1h", label: "1 h", ms: 3_600_000 },
  { id: "24h", label: "24 h", ms: 86_400_000 },
  { id: "7d", label: "7 d", ms: 604_800_000 },
];

/** The range of the address, else the one chosen last in this tab, else the shortest. @returns {Range} */
export function currentRange() {
  const id = new URLSearchParams(location.search).get("range") ?? sessionStorage.getItem(key);
  return ranges.find((range) => range.id === id) ?? ranges[0];
}

/** Keeps a choice in the address and for this tab. @param {Range} range */
export function keepRange({ id }) {
  sessionStorage.setItem(key, id);
  const address = new URL(location.href);
  address.searchParams.set("range", id);
  history.replaceState(history.state, "", address);
}
