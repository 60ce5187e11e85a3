import { element, setText } from "./dom.js";

/** Time for which the button confirms a copy. */
const confirmationMs = 2_000;

/**
 * Copies a text.
 * @param {string} text
 * @returns {Promise<boolean>} false without a clipboard: on pages of other hosts without TLS
 */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

/**
 * Makes a button that copies a text. Without a clipboard it selects the text, so that the keyboard can copy it.
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
    const isCopied = await copyText(source.textContent ?? "");
    if (!isCopied) getSelection()?.selectAllChildren(source);
    setText(button, isCopied ? "Copied" : "Selected");
    clearTimeout(timer);
    timer = setTimeout(() => setText(button, "Copy"), confirmationMs);
  });
  return button;
}
