import { browserStorage } from "./storage.js";

/** Number of series colours in `tokens.css`. */
const seriesColorCount = 8;

/** The theme's colours for canvases, which CSS does not reach. They are read again when the theme changes. */
export class Palette {
  #style = getComputedStyle(document.documentElement);

  series = [""];
  grid = "";
  axis = "";
  ink = "";
  surface = "";
  bundle = "";
  spark = "";
  warning = "";
  critical = "";
  font = "";

  constructor() {
    this.read();
  }

  read() {
    /** @param {string} name */
    const color = (name) => this.#style.getPropertyValue(`--${name}`).trim();
    this.series = Array.from({ length: seriesColorCount }, (_, index) => color(`series-${index + 1}`));
    this.grid = color("grid");
    this.axis = color("ink-3");
    this.ink = color("ink");
    this.surface = color("surface");
    this.bundle = color("bundle");
    this.spark = color("spark");
    this.warning = color("warning");
    this.critical = color("critical");
    this.font = this.#style.getPropertyValue("--font").trim();
  }
}

/** The light or dark theme: the system's choice, the user's, or the URL's (`?theme=`), which is for wall displays. */
export class Theme {
  #key = "windsock.theme";
  #onChange;

  /** @param {() => void} onChange */
  constructor(onChange) {
    this.#onChange = onChange;
    const forced = new URLSearchParams(location.search).get("theme");
    const chosen = forced === "light" || forced === "dark" ? forced : browserStorage.getItem(this.#key);
    if (chosen) document.documentElement.dataset.theme = chosen;
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", onChange);
  }

  get isDark() {
    const { theme } = document.documentElement.dataset;
    return theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  }

  toggle() {
    const theme = this.isDark ? "light" : "dark";
    document.documentElement.dataset.theme = theme;
    browserStorage.setItem(this.#key, theme);
    this.#onChange();
  }
}
