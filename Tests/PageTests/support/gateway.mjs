import { settled } from "./clock.mjs";

/** Questions that wait for the test to answer them. */
export class Questions {
  /** @type {{question: any, resolve: (answer: any) => void, reject: (error: Error) => void}[]} */
  open = [];
  /** All that were ever asked. */
  all = [];

  ask = (question) => {
    this.all.push(question);
    return new Promise((resolve, reject) => this.open.push({ question, resolve, reject }));
  };

  /** Answers all that wait, and those that follow from the answers. @param {(question: any) => any} answer */
  async answer(answer) {
    while (this.open.length > 0) {
      const { question, resolve, reject } = this.open.shift();
      const value = answer(question);
      if (value instanceof Error) reject(value);
      else resolve(value);
      await settled();
    }
  }
}

/** A `fetch` whose requests wait for the test, by path and query. */
export function installFetch() {
  const questions = new Questions();
  globalThis.fetch = async (path) => {
    const answer = await questions.ask(String(path));
    const { status = 200, body = answer } = answer.status ? answer : {};
    return { ok: status < 400, status, json: async () => body };
  };
  return questions;
}
