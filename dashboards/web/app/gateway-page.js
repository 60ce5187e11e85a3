import { WindsockClient } from "../windsock-client.js";
import { AlertCenter } from "./alert-center.js";
import { getJSON, isTokenAccepted } from "./api.js";
import { ChatPanel } from "./chat-panel.js";
import { ConnectionView } from "./connection-view.js";
import { DashboardView } from "./dashboard-view.js";
import { DeviceStatusView } from "./device-status.js";
import { element, setText } from "./dom.js";
import { Drawers } from "./drawers.js";
import { formatNumber, formatTime } from "./format.js";
import { FrameLoop } from "./frame-loop.js";
import { History } from "./history.js";
import { JourneyDialog } from "./journey-dialog.js";
import { Journeys } from "./journeys.js";
import { NotificationCenter } from "./notification-center.js";
import { PaintWatch } from "./paint-watch.js";
import { Palette, Theme } from "./palette.js";
import { RangePicker } from "./range-picker.js";
import { ReadinessWatch } from "./readiness.js";
import { SeriesStore } from "./series-store.js";
import { session } from "./session.js";
import { SignInView } from "./sign-in.js";

const now = () => performance.timeOrigin + performance.now();
/** With less motion asked for, charts and numbers move once a second. */
const calmIntervalMs = 1_000;
const rateSeconds = 5;

/**
 * The page as a whole: signs in, loads the dashboards, shows one of them and keeps it fed.
 *
 *     WindsockClient ──data──▶ SeriesStore ──▶ DashboardView ──marks──▶ FrameLoop ──draws──▶ panels
 *            ▲────────────────────painted──────── PaintWatch ◀─────────────┘
 */
export class GatewayPage {
  #root = document.documentElement;
  // The theme first: the palette reads its colours.
  #theme = new Theme(() => this.#restyle());
  #palette = new Palette();
  #loop = new FrameLoop({
    onDrawn: (panel) => this.#paints.drawn(panel),
    ...(matchMedia("(prefers-reduced-motion: reduce)").matches && { minimumMs: calmIntervalMs }),
  });
  #store = new SeriesStore();
  #journeys = new Journeys();
  #paints = new PaintWatch({
    onPainted: (waiting) => this.#painted(waiting),
    onUnpainted: ({ envelope }) => this.#client?.unpainted(envelope),
  });
  #journeyDialog = new JourneyDialog();
  #signIn = new SignInView(() => this.#start());
  #connection = new ConnectionView({ now, onRetry: () => this.#client?.retryNow() });
  #readiness = new ReadinessWatch((failed) => this.#connection.setFailedChecks(failed));
  #drawers = new Drawers();
  #chat = new ChatPanel(this.#drawers);
  #notifications = new NotificationCenter(this.#drawers);
  #alerts = new AlertCenter(this.#drawers, () => this.#view?.markAll());
  #range = new RangePicker(() => this.#loadPast());
  #history = this.#makeHistory();
  #deviceStatus = new DeviceStatusView();
  /** @type {WindsockClient | null} */
  #client = null;
  #dashboards = [];
  /** @type {DashboardView | null} */
  #view = null;
  #handles = [];
  /** Which of several starts counts: a new token may come while dashboards are loading. */
  #latestStart = null;
  #readingCount = 0;
  /** Of the last seconds, whose mean is shown: devices that send every other second would make it jump. */
  #readingCounts = [];
  #droppedCount = 0;

  constructor() {
    document.getElementById("theme").addEventListener("click", () => this.#theme.toggle());
    document.getElementById("sign-out").addEventListener("click", () => this.#askToSignIn());
    document.getElementById("load-retry").addEventListener("click", () => this.#start());
    addEventListener("popstate", () => {
      this.#range.show();
      if (this.#dashboards.length > 0) this.#show();
    });
    document.getElementById("range-retry").addEventListener("click", () => this.#history.retry());
    addEventListener("hashchange", () => session.takeFromAddress() && this.#start());
    setInterval(() => this.#tick(), 1_000);
    session.takeFromAddress();
    if (session.token) this.#start();
    else this.#askToSignIn();
  }

  async #start() {
    this.#stop();
    this.#root.dataset.view = "loading";
    const { token } = session;
    const start = (this.#latestStart = Symbol("start"));
    try {
      const { dashboards } = await getJSON("/api/dashboards", token);
      if (this.#latestStart !== start) return;
      this.#dashboards = dashboards;
    } catch (error) {
      if (this.#latestStart !== start) return;
      if (error.status === 401) return this.#askToSignIn("The gateway does not accept the token any more.");
      setText(document.getElementById("load-error"), error.status ? error.message : "The gateway does not answer.");
      this.#root.dataset.view = "failed";
      return;
    }
    if (this.#dashboards.length === 0) {
      this.#root.dataset.view = "none";
      return;
    }
    this.#history.start(token);
    this.#connect(token);
    this.#readiness.start();
    this.#buildNavigation();
    this.#root.dataset.view = "dashboard";
    this.#show();
  }

  #connect(token) {
    const client = new WindsockClient({ url: "/ws", token, checkToken: isTokenAccepted, now });
    this.#client = client;
    client.on("state", (state) => {
      this.#connection.setState(state);
      if (state.state === "open") this.#history.recovered();
      else if (state.state === "waiting") this.#history.lost();
      if (state.state === "closed" && this.#client === client) this.#ended(state);
    });
    client.on("data", (update, envelope) => {
      const time = client.serverNow();
      this.#store.add(update, time);
      const journey = this.#journeys.add(update, envelope, time, client.clock);
      if (this.#view?.received(update, journey && { journey, envelope })) this.#readingCount += 1;
    });
    client.on("gap", ({ dropped, reason }) => {
      // With a reason it is a hole in what was said, which the chat tells itself.
      if (!reason) this.#droppedCount += dropped;
    });
    client.on("status", (status) => this.#deviceStatus.set(status));
    this.#chat.attach(client, token);
    this.#notifications.attach(client, token);
    this.#alerts.attach(client, token);
    client.on("error", (error) => console.warn(`${error.code}: ${error.message}`));
    client.connect();
  }

  #painted({ journey, envelope }) {
    const time = now();
    journey.paintedAt ??= time + journey.offsetMs;
    this.#client?.painted(envelope, time);
  }

  #ended({ code, reason }) {
    const messages = {
      4501: "The token has expired. Sign in with a new one.",
      4504: "Too many connections are open with this token. Close some and sign in again.",
      1008: `The gateway refused the connection: ${reason || "policy"}.`,
    };
    this.#askToSignIn(messages[code] ?? "The gateway does not accept the token: it is expired, or not made for it.");
  }

  #stop() {
    this.#readiness.stop();
    this.#view?.destroy();
    this.#view = null;
    this.#handles = [];
    const client = this.#client;
    this.#client = null;
    this.#chat.detach();
    this.#notifications.detach();
    this.#alerts.detach();
    this.#history.stop();
    this.#deviceStatus.reset();
    this.#drawers.close();
    this.#journeyDialog.close();
    client?.close();
    this.#connection.reset();
  }

  #askToSignIn(message) {
    session.signOut();
    this.#stop();
    this.#store = new SeriesStore();
    this.#history = this.#makeHistory();
    this.#journeys = new Journeys();
    this.#root.dataset.view = "sign-in";
    document.title = "Sign in – Windsock";
    this.#signIn.show(message);
  }

  // Dashboards

  #buildNavigation() {
    const links = this.#dashboards.map(({ id, title }) =>
      element("a", {
        href: this.#address(id), textContent: title, dataset: { dashboard: id },
        onclick: (event) => {
          if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
          event.preventDefault();
          history.pushState(null, "", this.#address(id));
          this.#show();
        },
      }));
    document.getElementById("dashboards").replaceChildren(...links.map((link) => element("li", {}, link)));
  }

  #address(id) {
    const parameters = new URLSearchParams(location.search);
    parameters.set("dashboard", id);
    return `${location.pathname}?${parameters}`;
  }

  #show() {
    const wanted = new URLSearchParams(location.search).get("dashboard");
    const definition = this.#dashboards.find(({ id }) => id === wanted) ?? this.#dashboards[0];
    this.#view?.destroy();
    for (const link of document.querySelectorAll("#dashboards a")) {
      if (link.dataset.dashboard !== definition.id) link.removeAttribute("aria-current");
      else {
        link.setAttribute("aria-current", "page");
        link.scrollIntoView({ block: "nearest", inline: "center" });
      }
    }
    document.title = `${definition.title} – Windsock`;
    this.#root.dataset.dashboard = definition.id;
    this.#connection.setRefusedRoom(null);
    this.#readingCounts = [];
    this.#view = new DashboardView(definition, {
      store: this.#store, palette: this.#palette, loop: this.#loop, paints: this.#paints,
      serverNow: () => this.#client.serverNow(), rangeMs: () => this.#range.rangeMs,
      bands: (series) => this.#alerts.bands(series),
      onPoint: (point) => this.#journeyDialog.open(point, this.#journeys.find(point.device, point.time)),
    });
    this.#join(definition.rooms, this.#view);
    this.#loadPast();
    this.#tick();
  }

  // The past

  #makeHistory() {
    return new History(this.#store, () => this.#client?.serverNow() ?? now(), (state) => this.#showPast(state));
  }

  #loadPast() {
    if (!this.#view) return;
    const own = this.#dashboards.flatMap(({ panels }) => panels).map(({ window_s = 300 }) => window_s * 1000);
    const windowMs = this.#view.longestWindowMs;
    this.#store.retentionMs = Math.max(...own, windowMs);
    this.#history.show(this.#view.pastPanels, windowMs);
    this.#alerts.loadBands((this.#client?.serverNow() ?? now()) - windowMs);
    this.#view.markAll();
  }

  #showPast({ waiting, failed }) {
    const text = failed ? `The past could not be read. ${failed}` : "";
    setText(document.getElementById("range-problem"), text);
    document.getElementById("range-retry").hidden = !failed;
    this.#root.dataset.past = failed ? "failed" : waiting > 0 ? "loading" : "loaded";
    this.#view?.markAll();
  }

  /** Joins the new rooms before it leaves the old ones, so that a room that both have is not interrupted. */
  #join(rooms, view) {
    const old = this.#handles;
    this.#handles = rooms.map((room) =>
      this.#client.join(room, {
        onJoined: () => view.joined(),
        onError: (error) => {
          if (this.#view === view && error.code !== "closed") {
            this.#connection.setRefusedRoom({ room, message: error.message });
          }
        },
      }));
    for (const handle of old) handle.leave();
  }

  // Time

  #tick() {
    this.#readingCounts = [...this.#readingCounts.slice(1 - rateSeconds), this.#readingCount];
    this.#readingCount = 0;
    const time = this.#client?.serverNow() ?? now();
    setText(document.getElementById("clock"), formatTime(time));
    if (!this.#view) return;
    this.#view.markAll();
    this.#deviceStatus.mark();
    this.#connection.update();
    setText(document.getElementById("activity"), this.#activity());
  }

  #activity() {
    const { deviceCount } = this.#view;
    if (deviceCount === 0) return "";
    const skipped = this.#droppedCount > 0 ? ` · ${this.#droppedCount} skipped` : "";
    const rate = this.#readingCounts.reduce((sum, count) => sum + count, 0) / this.#readingCounts.length;
    const devices = `${deviceCount} ${deviceCount === 1 ? "device" : "devices"}`;
    return `${devices} · ${formatNumber(rate, rate < 10 ? 1 : 0)} readings/s${skipped}`;
  }

  #restyle() {
    this.#palette.read();
    this.#view?.restyle();
  }
}
