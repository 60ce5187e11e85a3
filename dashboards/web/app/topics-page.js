import { hideUnreachable, session } from "./session/session.js";
import { getJSON } from "./shared/api.js";
import { copyButton } from "./shared/copy-button.js";
import { byID, element, placeInOrder, setData, setText } from "./shared/dom.js";
import { formatAge, formatNumber } from "./shared/format.js";
import { Theme } from "./shared/palette.js";

const intervalMs = 5_000;

/** @typedef {import("./shared/gateway-types.js").TopicPattern} TopicPattern */
/** @typedef {import("./shared/gateway-types.js").TopicAnswer} TopicAnswer */

/** The page of topics that no route takes, for operators. It polls every five seconds while it is visible. */
class TopicsPage {
  #list = byID("patterns", "ol");
  #summary = byID("summary", "p");
  #problem = byID("problem", "p");
  #intro = byID("intro", "p");
  #empty = byID("empty", "section");
  #filter = byID("filter", "input");
  /**
   * By pattern.
   * @type {Map<string, PatternCard>}
   */
  #cards = new Map();

  constructor() {
    new Theme(() => {});
    session.followLink();
    hideUnreachable(session.token);
    this.#filter.addEventListener("input", () => this.#applyFilter());
    setInterval(() => document.visibilityState === "visible" && this.#poll(), intervalMs);
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.#poll());
    this.#poll();
  }

  async #poll() {
    if (!session.token) return this.#fail("You are not signed in. Sign in on the dashboards' page, in this tab.");
    let answer;
    try {
      answer = await getJSON("/api/topics", session.token);
    } catch (error) {
      return this.#fail(problemText(error));
    }
    this.#show(answer);
  }

  /** @param {string} message */
  #fail(message) {
    document.documentElement.dataset.view = "failed";
    setText(this.#problem, message);
    this.#problem.hidden = false;
  }

  /** @param {TopicAnswer} answer */
  #show(answer) {
    const { patterns, total, topics = 0 } = answer;
    const isEmpty = patterns.length === 0;
    document.documentElement.dataset.view = isEmpty ? "empty" : "topics";
    setText(this.#problem, answer.problem ? `The broker cannot be sampled. ${answer.problem}` : "");
    this.#problem.hidden = !answer.problem;
    this.#intro.hidden = isEmpty;
    this.#empty.hidden = !isEmpty || answer.problem !== undefined;
    if (isEmpty) this.#explain(answer);
    const more = total > patterns.length ? `, ${patterns.length} of them shown` : "";
    setText(this.#summary, isEmpty ? "" : [
      `${plural(topics, "topic")} in ${plural(total, "pattern")}${more}`,
      ...(answer.state === "paused" ? ["paused, because many messages arrive"] : []),
      ...(answer.unexamined_messages ? [`${plural(answer.unexamined_messages, "message")} not examined`] : []),
      ...(answer.forgotten_topics ? [`${plural(answer.forgotten_topics, "topic")} forgotten`] : []),
    ].join(" · "));
    this.#replace(patterns, (answer.time ?? Date.now() / 1000) * 1000);
    this.#applyFilter();
  }

  /**
   * Updates known cards in place, so that a reader keeps the place and open details stay open.
   * @param {TopicPattern[]} patterns
   * @param {number} now the gateway's time
   */
  #replace(patterns, now) {
    const cards = new Map(patterns.map((pattern) => {
      const card = this.#cards.get(pattern.pattern) ?? new PatternCard();
      card.update(pattern, now);
      return [pattern.pattern, card];
    }));
    this.#cards = cards;
    placeInOrder(this.#list, [...cards.values()].map(({ root }) => root));
  }

  #applyFilter() {
    const text = this.#filter.value.trim().toLowerCase();
    for (const card of this.#cards.values()) card.root.hidden = !card.contains(text);
  }

  /** @param {TopicAnswer} answer */
  #explain({ state, taken_messages: taken = 0 }) {
    const isOff = state === "off";
    setText(byID("empty-title", "h2"), isOff ? "Topic discovery is off" : "No other topics");
    setText(byID("empty-text", "p"), isOff
      ? "With configured routes, the gateway looks only at the topics of its routes. To see here what else the broker "
        + "carries, add this to windsock.yaml, or run “windsock discover” once:"
      : taken > 0
        ? "The routes take everything that the broker has carried so far. To look at the broker without the gateway:"
        : "Nothing has arrived that no route takes. To look at the broker without the gateway:");
    setText(byID("empty-command", "code"), isOff ? "discovery: on" : "windsock discover --for 60s");
  }
}

/** A pattern of topics on the page. */
class PatternCard {
  #name = element("strong", { className: "pattern-name" });
  #count = element("span", { className: "pattern-count" });
  #times = element("p", { className: "pattern-times" });
  #topic = element("span");
  #payload = element(
    "pre", { className: "pattern-payload", tabIndex: 0, attributes: { "aria-label": "Sample payload" } });
  #readings = element("p", { className: "pattern-readings" });
  #route = element("code");
  #suggestion;
  #problem = element("p", { className: "pattern-problem" });
  #accepted = element("span");
  #conventions = element("dl", { className: "convention-list" });
  #details = element("details", { className: "pattern-conventions" },
    element("summary", {}, "Conventions: ", this.#accepted), this.#conventions);
  #text = "";

  constructor() {
    this.#suggestion = element("div", { dataset: { testid: "suggestion" } },
      element("div", { className: "pattern-command" },
        element("pre", { className: "command" }, this.#route), copyButton(this.#route, "the route")),
      this.#readings);
    this.root = element("li", { className: "entry" },
      element("p", { className: "pattern-head" }, this.#name, this.#count), this.#times,
      element("p", { className: "pattern-sample" }, this.#topic), this.#payload,
      this.#suggestion, this.#problem, this.#details);
  }

  /** @param {string} text in lower case */
  contains(text) {
    return this.#text.includes(text);
  }

  /**
   * @param {TopicPattern} shown
   * @param {number} now the gateway's time
   */
  update(shown, now) {
    const { pattern, topics, messages, sample, conventions, route, problem } = shown;
    const { retained_messages: retained, per_minute: rate, last_at: last } = shown;
    setData(this.root, "pattern", pattern);
    this.#text = `${pattern}\n${sample.topic}`.toLowerCase();
    setText(this.#name, pattern);
    setText(this.#count, topics > 1 ? plural(topics, "topic") : "");
    setText(this.#times, [
      plural(messages, "message"), ...(retained ? [`${retained} retained`] : []),
      ...(rate === undefined ? [] : [`${formatNumber(rate, rate < 10 ? 1 : 0)} per minute`]),
      `last ${formatAge(now - Date.parse(last))}`,
    ].join(" · "));
    const notes = [plural(sample.bytes, "byte"), ...(sample.retained ? ["retained"] : []),
      ...(sample.encoding === "hex" ? ["not text"] : []), ...(sample.cut ? ["only the beginning is shown"] : [])];
    setText(this.#topic, `${sample.topic} (${notes.join(", ")})`);
    setText(this.#payload, sample.payload);
    this.#payload.hidden = sample.bytes === 0;
    this.#suggestion.hidden = !route;
    setText(this.#route, route?.yaml ?? "");
    setText(this.#readings, route
      ? `As a reading: ${route.readings.join("; ")}${route.note ? `. Note: ${route.note}.` : ""}` : "");
    setText(this.#problem, problem ? `No route makes a reading of the sample: ${problem}.` : "");
    this.#problem.hidden = !problem;
    const names = conventions.filter(({ accepted }) => accepted).map(({ convention }) => convention);
    setText(this.#accepted, names.length > 0 ? `read by ${names.join(", ")}` : "none reads the sample");
    this.#details.hidden = conventions.length === 0;
    const lines = conventions.flatMap(({ convention, accepted, text }) => [
      element("dt", { dataset: { accepted } }, convention), element("dd", {}, text)]);
    this.#conventions.replaceChildren(...lines);
  }
}

/**
 * @param {number} count
 * @param {string} noun
 */
function plural(count, noun) {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** @param {{status?: number, message: string}} error */
function problemText({ status, message }) {
  if (status === 401) return "The gateway does not accept the token any more. Sign in again on the dashboards' page.";
  if (status === 403) return `This token may not see topics. ${message}`;
  if (status === 404) return "This gateway does not sample topics: it is older than this page.";
  return status ? message : "The gateway does not answer. Below is its last answer.";
}

new TopicsPage();
