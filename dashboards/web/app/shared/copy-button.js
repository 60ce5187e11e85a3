import { element, setText } from "./dom.js";

/** Time for which the button confirms a copy. */
const confirmationMs = 2_000;

/**
 * Makes a button that copies a text. Pages of other hosts without TLS have no clipboard; there the button selects the
 * text, so that the keyboard can copy it.
 * @param {HTMLElement} source element with the text
 * @param {string} label name of the text, for screen readers
 */
export function copyButton(source, label) {
  const button = element("button", {
    type: "button", className: "button copy-button", attributes: { "aria-label": `Copy ${label}` },
  }, "Copy");
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  button.addEventListener("click", async () => {
    let answer = "Copied";
    try {
      await navigator.clipboard.writeText(source.textContent ?? "");
    } catch {
      getSelection()?.selectAllChildren(source);
      answer = "Selected";
    }
    setText(button, answer);
    clearTimeout(timer);
    timer = setTimeout(() => setText(button, "Copy"), confirmationMs);
  });
  return button;
}
