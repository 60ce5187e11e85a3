import { isTokenAccepted } from "../shared/api.js";
import { byID, setText } from "../shared/dom.js";
import { isPlausibleToken, session } from "./session.js";

/** The form for a token. */
export class SignInView {
  #form = byID("sign-in-form", "form");
  #input = byID("token", "input");
  #error = byID("sign-in-error", "p");
  #button = /** @type {HTMLButtonElement} */ (this.#form.querySelector("button"));
  #onSignedIn;

  /** @param {() => void} onSignedIn */
  constructor(onSignedIn) {
    this.#onSignedIn = onSignedIn;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
  }

  /**
   * @param {string} message reason for another sign-in
   * @param {string} token token of a link
   */
  show(message = "", token = "") {
    this.#input.value = token;
    this.#fail(message);
    this.#input.setAttribute("aria-invalid", String(message !== "" && token === ""));
    (token === "" ? this.#input : this.#button).focus();
  }

  async #submit() {
    const token = this.#input.value.trim();
    if (token === "") return this.#fail("Paste a token first.");
    if (!isPlausibleToken(token)) {
      return this.#fail("That is not a token: a token is one long word of letters, digits, dots, dashes.");
    }
    this.#button.disabled = true;
    const isAccepted = await isTokenAccepted(token);
    this.#button.disabled = false;
    if (!isAccepted) {
      return this.#fail("The gateway does not accept this token: it is expired, or signed with another secret.");
    }
    session.signIn(token);
    this.#onSignedIn();
  }

  /** @param {string} message */
  #fail(message) {
    setText(this.#error, message);
    this.#error.hidden = message === "";
    this.#input.setAttribute("aria-invalid", String(message !== ""));
  }
}
