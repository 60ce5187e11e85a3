import { element, setText } from "./dom.js";

/** Part of a payload that is shown at first. */
const excerpt = { characters: 320, lines: 6, hexRows: 6 };
const bytesPerRow = 16;

/** A payload: its beginning, and all of it on demand, as text or as a hex dump. */
export class PayloadView {
  #pre = element("pre", { className: "letter-payload", tabIndex: 0, attributes: { "aria-label": "Payload" } });
  #note = element("span");
  #more = element("button", { type: "button", className: "text-button" });
  #hex = element("button", { type: "button", className: "text-button" });
  #bytes = new Uint8Array();
  /**
   * Null for bytes that are not text.
   * @type {string | null}
   */
  #text = null;
  #wantsHex = false;
  #isWhole = false;

  constructor() {
    this.root = element("div", {},
      this.#pre, element("p", { className: "letter-tools" }, this.#note, this.#more, this.#hex));
    this.#more.addEventListener("click", () => {
      this.#isWhole = !this.#isWhole;
      this.#show();
    });
    this.#hex.addEventListener("click", () => {
      this.#wantsHex = !this.#wantsHex;
      this.#show();
    });
  }

  /** @param {{payload?: string, payload_base64?: string, payload_bytes: number}} message as in the gateway's answers */
  update({ payload = "", payload_base64: base64, payload_bytes: total }) {
    this.#text = base64 === undefined ? payload : null;
    this.#bytes = base64 === undefined ? new TextEncoder().encode(payload) : fromBase64(base64);
    const kept = this.#bytes.length < total ? `, the first ${this.#bytes.length} are kept` : "";
    const size = total === 0 ? "empty payload" : `${total} ${total === 1 ? "byte" : "bytes"}`;
    setText(this.#note, `${size}${kept}${this.#text === null ? ", not text" : ""}`);
    this.#pre.hidden = total === 0;
    this.#show();
  }

  #show() {
    const isHex = this.#wantsHex || this.#text === null;
    const whole = isHex || this.#text === null ? hexDump(this.#bytes) : this.#text;
    const shown = this.#isWhole ? whole : cut(whole, isHex);
    setText(this.#pre, shown);
    this.#pre.dataset.kind = isHex ? "hex" : "text";
    this.#more.hidden = !this.#isWhole && shown === whole;
    setText(this.#more, this.#isWhole ? "Show less" : "Show all");
    setText(this.#hex, isHex ? "As text" : "As bytes");
    this.#hex.hidden = !this.#text;
  }
}

/**
 * @param {string} text
 * @param {boolean} isHex
 */
function cut(text, isHex) {
  const lines = text.split("\n");
  if (isHex) return lines.slice(0, excerpt.hexRows).join("\n");
  const short = lines.slice(0, excerpt.lines).join("\n");
  return short.length > excerpt.characters ? `${short.slice(0, excerpt.characters)}…` : short;
}

/**
 * Formats bytes as `0000 7b 22 74 65 … {"te…`: offset, bytes, and printable ASCII.
 * @param {Uint8Array} bytes
 */
function hexDump(bytes) {
  const rows = [];
  for (let offset = 0; offset < bytes.length; offset += bytesPerRow) {
    const row = [...bytes.subarray(offset, offset + bytesPerRow)];
    const hex = row.map((byte) => byte.toString(16).padStart(2, "0")).join(" ").padEnd(bytesPerRow * 3 - 1);
    const text = row.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : "·")).join("");
    rows.push(`${offset.toString(16).padStart(4, "0")}  ${hex}  ${text}`);
  }
  return rows.join("\n");
}

/** @param {string} text */
function fromBase64(text) {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
