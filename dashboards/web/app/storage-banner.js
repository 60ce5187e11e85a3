import { setText } from "./dom.js";

/** Says that the gateway cannot keep readings, so that nothing is shown live, or cannot read a part of what it kept. */
export class StorageBanner {
  #banner = document.getElementById("storage-banner");
  #title = document.getElementById("storage-banner-title");
  #text = document.getElementById("storage-banner-text");

  /** @param {{name: string, status: string, reason?: string}[]} failed what `/readyz` complains about */
  show(failed) {
    const storage = failed.find(({ name }) => name === "storage");
    // New readings go on while only a part of the old ones is damaged.
    const isReadable = storage?.status !== "unreadable";
    document.documentElement.dataset.storage = storage && isReadable ? "failing" : "ok";
    const reason = storage?.reason?.trim().replace(/[.]$/, "");
    setText(this.#title, isReadable
      ? "The gateway cannot store readings." : "The gateway cannot read a part of what it stored.");
    setText(this.#text, storage
      ? `${reason ? `The reason: ${reason}. ` : ""}${isReadable
        ? "Nothing new is shown, because it could not be kept. Devices whose broker waits for the gateway lose nothing; "
          + "it goes on by itself."
        : "Charts and messages may be missing; new readings are stored and shown."}`
      : "");
    this.#banner.hidden = !storage;
  }
}
