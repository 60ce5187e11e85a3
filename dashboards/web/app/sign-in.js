import { isTokenAccepted } from "./api.js";
import { setText } from "./dom.js";
import { isPlausibleToken, session } from "./session.js";

/** The form that takes a token. */
export class SignInView {
  #form = document.getElementById("sign-in-form");
  #input = document.getElementById("token");
  #error = document.getElementById("sign-in-error");
  #button = this.#form.querySelector("button");
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
   * @param {string} [message] why signing in is needed again
   * @param {string} [token] what a link offers
   */
  show(message = "", token = "") {
    this.#input.value = token;
    this.#fail(message);
    this.#input.setAttribute("aria-invalid", message !== "" && token === "");
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

  #fail(message) {
    setText(this.#error, message);
    this.#error.hidden = message === "";
    this.#input.setAttribute("aria-invalid", message !== "");
  }
}
