import { setText } from "./dom.js";

/** Says that the gateway cannot keep readings, and that nothing is shown live for that reason. */
export class StorageBanner {
  #banner = document.getElementById("storage-banner");
  #text = document.getElementById("storage-banner-text");

  /** @param {{name: string, status: string, reason?: string}[]} failed what `/readyz` complains about */
  show(failed) {
    const storage = failed.find(({ name }) => name === "storage");
    document.documentElement.dataset.storage = storage ? "failing" : "ok";
    const reason = storage?.reason?.trim().replace(/[.]$/, "");
    setText(this.#text, storage
      ? `${reason ? `The reason: ${reason}. ` : ""}Nothing new is shown, because it could not be kept. Devices whose `
        + "broker waits for the gateway lose nothing; it goes on by itself."
      : "");
    this.#banner.hidden = !storage;
  }
}
