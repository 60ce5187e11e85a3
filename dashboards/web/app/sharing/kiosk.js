/** Time between two attempts to load the dashboard. */
const retryMs = 10_000;

/**
 * The mode for a screen on a wall (`?kiosk`): the dashboard alone, without header, dialogs, zoom and links. Nobody is
 * there to reload the page, so a failed start is repeated.
 */
export class Kiosk {
  isOn = new URLSearchParams(location.search).has("kiosk");
  #start;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {() => void} start loads the dashboard */
  constructor(start) {
    this.#start = start;
    if (this.isOn) document.documentElement.dataset.kiosk = "on";
  }

  /** Starts again later, after a failure. */
  retryLater() {
    this.cancel();
    if (this.isOn) this.#timer = setTimeout(() => this.#start(), retryMs);
  }

  /** Cancels the planned start. */
  cancel() {
    clearTimeout(this.#timer);
  }
}
