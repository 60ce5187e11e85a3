import { settled } from "./clock.mjs";

/** Requests that wait for an answer of the test. */
export class Questions {
  /** @type {{question: any, resolve: (answer: any) => void, reject: (error: Error) => void}[]} */
  open = [];
  /** All requests so far. */
  all = [];

  ask = (question) => {
    this.all.push(question);
    return new Promise((resolve, reject) => this.open.push({ question, resolve, reject }));
  };

  /** Answers all waiting requests, and those that follow. An Error rejects. @param {(question: any) => any} answer */
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

/** Installs a `fetch` whose requests (path and query) wait for an answer of the test. */
export function installFetch() {
  const questions = new Questions();
  globalThis.fetch = async (path) => {
    const answer = await questions.ask(String(path));
    const { status = 200, body = answer } = answer.status ? answer : {};
    return { ok: status < 400, status, json: async () => body };
  };
  return questions;
}
