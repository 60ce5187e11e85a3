import { WindsockClient } from "../windsock-client.js";
import { Activity } from "./activity.js";
import { Alerts } from "./alerts.js";
import { getJSON, isTokenAccepted } from "./api.js";
import { ChatPanel } from "./chat-panel.js";
import { ConnectionView } from "./connection-view.js";
import { DashboardNavigation } from "./dashboard-navigation.js";
import { DashboardView } from "./dashboard-view.js";
import { DeviceStatusView } from "./device-status.js";
import { setText } from "./dom.js";
import { Drawers } from "./drawers.js";
import { formatTime } from "./format.js";
import { FrameLoop } from "./frame-loop.js";
import { JourneyDialog } from "./journey-dialog.js";
import { Journeys } from "./journeys.js";
import { NotificationCenter } from "./notification-center.js";
import { PaintWatch } from "./paint-watch.js";
import { Palette, Theme } from "./palette.js";
import { Past } from "./past.js";
import { RangePicker } from "./range-picker.js";
import { ReadinessWatch } from "./readiness.js";
import { SeriesStore } from "./series-store.js";
import { isUsedUnasked, session, userOf } from "./session.js";
import { SignInView } from "./sign-in.js";
import { StorageBanner } from "./storage-banner.js";

const now = () => performance.timeOrigin + performance.now();
/** With less motion asked for, charts and numbers move once a second. */
const calmIntervalMs = 1_000;

/**
 * The page as a whole: signs in, loads the dashboards, shows one of them and keeps it fed.
 *
 *     WindsockClient ──data──▶ SeriesStore ──▶ DashboardView ──marks──▶ FrameLoop ──draws──▶ panels
 *            ▲        Past ──asks──▲                  PaintWatch ◀─────────┘
 *            └────────────────────painted──────────────────┘
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
  #storageBanner = new StorageBanner();
  #readiness = new ReadinessWatch((failed) => {
    this.#storageBanner.show(failed);
    this.#connection.setFailedChecks(failed);
  });
  #drawers = new Drawers();
  #alerts = new Alerts(this.#drawers, () => this.#view?.markAll());
  #chat = new ChatPanel(this.#drawers);
  #notifications = new NotificationCenter(this.#drawers);
  #deviceStatus = new DeviceStatusView();
  #navigation = new DashboardNavigation(() => this.#show());
  #ranges = new RangePicker(() => this.#rangeChanged());
  #past = new Past(this.#loop);
  /** @type {WindsockClient | null} */
  #client = null;
  #dashboards = [];
  /** @type {DashboardView | null} */
  #view = null;
  #handles = [];
  /** Which of several starts counts: a new token may come while dashboards are loading. */
  #latestStart = null;
  #activity = new Activity();

  constructor() {
    document.getElementById("theme").addEventListener("click", () => this.#theme.toggle());
    document.getElementById("sign-out").addEventListener("click", () => this.#askToSignIn());
    document.getElementById("load-retry").addEventListener("click", () => this.#start());
    // On the sign-in page there is nothing to show.
    addEventListener("popstate", () => this.#client && this.#show());
    addEventListener("hashchange", () => this.#followLink());
    setInterval(() => this.#tick(), 1_000);
    if (this.#followLink()) return;
    if (session.token) this.#start();
    else this.#askToSignIn();
  }

  /** Signs in by the address's token, or asks. @returns {boolean} whether there was one */
  #followLink() {
    const token = session.takeFromAddress();
    if (token === null) return false;
    if (isUsedUnasked(token, session.token, location.hostname)) {
      session.signIn(token);
      this.#start();
    } else {
      const user = userOf(token);
      this.#showSignIn(
        user
          ? `This link signs you in as “${user}”. Do so only if you know where it comes from.`
          : "This link brings a token. Sign in with it only if you know where it comes from.",
        token,
      );
    }
    return true;
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
    const charts = this.#dashboards.flatMap(({ panels }) => panels).map(({ window_s = 300 }) => window_s * 1000);
    this.#store.retentionMs = Math.max(...charts);
    this.#connect(token);
    this.#readiness.start();
    this.#navigation.build(this.#dashboards);
    this.#root.dataset.view = "dashboard";
    this.#show();
  }

  #connect(token) {
    const client = new WindsockClient({ url: "/ws", token, checkToken: isTokenAccepted, now });
    this.#client = client;
    this.#past.attach(client, token, this.#store);
    client.on("state", (state) => {
      this.#connection.setState(state);
      if (state.state === "closed" && this.#client === client) this.#ended(state);
    });
    client.on("data", (update, envelope) => {
      const time = client.serverNow();
      this.#store.add(update, time);
      const journey = this.#journeys.add(update, envelope, time, client.clock);
      if (this.#view?.received(update, journey && { journey, envelope })) this.#activity.add();
    });
    client.on("gap", ({ dropped, reason }) => {
      // With a reason it is a hole in what was said, which the chat tells itself.
      if (!reason) this.#activity.drop(dropped);
    });
    client.on("status", (status) => this.#deviceStatus.set(status));
    this.#alerts.attach(client, token);
    this.#chat.attach(client, token);
    this.#notifications.attach(client, token);
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
    this.#storageBanner.show([]);
    this.#past.detach();
    this.#view?.destroy();
    this.#view = null;
    this.#handles = [];
    const client = this.#client;
    this.#client = null;
    this.#alerts.detach();
    this.#chat.detach();
    this.#notifications.detach();
    this.#deviceStatus.reset();
    this.#drawers.close();
    this.#journeyDialog.close();
    client?.close();
    this.#connection.reset();
  }

  #askToSignIn(message) {
    session.signOut();
    this.#showSignIn(message);
  }

  /** A session stays until somebody signs in: to reload the page is to go on with it. */
  #showSignIn(message, token) {
    this.#latestStart = null;
    this.#stop();
    this.#store = new SeriesStore();
    this.#journeys = new Journeys();
    this.#root.dataset.view = "sign-in";
    document.title = "Sign in – Windsock";
    this.#signIn.show(message, token);
  }

  // Dashboards

  #show() {
    const wanted = new URLSearchParams(location.search).get("dashboard");
    const definition = this.#dashboards.find(({ id }) => id === wanted) ?? this.#dashboards[0];
    this.#view?.destroy();
    this.#ranges.update(definition.panels);
    this.#navigation.mark(definition.id);
    document.title = `${definition.title} – Windsock`;
    this.#root.dataset.dashboard = definition.id;
    this.#connection.setRefusedRoom(null);
    this.#activity.reset();
    this.#view = new DashboardView(definition, {
      store: this.#store, palette: this.#palette, loop: this.#loop, paints: this.#paints,
      serverNow: () => this.#client.serverNow(), past: this.#past, alerts: this.#alerts.store,
      range: () => this.#ranges.range, onAlert: (id) => this.#alerts.open(id),
      onPoint: (point) => this.#journeyDialog.open(point, this.#journeys.find(point.device, point.time)),
    });
    this.#alerts.store.setRange(this.#ranges.range.ms ?? 0);
    this.#past.show(this.#view.panels, definition.rooms, this.#ranges.range);
    this.#join(definition.rooms, this.#view);
    this.#tick();
  }

  #rangeChanged() {
    if (!this.#view) return;
    this.#alerts.store.setRange(this.#ranges.range.ms ?? 0);
    this.#past.change(this.#view.panels, this.#ranges.range);
    this.#navigation.mark(this.#root.dataset.dashboard);
    this.#view.redraw();
  }

  /** Joins the new rooms before it leaves the old ones, so that a room that both have is not interrupted. */
  #join(rooms, view) {
    const old = this.#handles;
    this.#handles = rooms.map((room) =>
      this.#client.join(room, {
        onJoined: () => {
          view.joined();
          if (this.#view === view) this.#past.joined(room);
        },
        onError: (error) => {
          if (this.#view !== view || error.code === "closed") return;
          this.#past.joined(room);
          this.#connection.setRefusedRoom({ room, message: error.message });
        },
      }));
    for (const handle of old) handle.leave();
  }

  // Time

  #tick() {
    const time = this.#client?.serverNow() ?? now();
    setText(document.getElementById("clock"), formatTime(time));
    if (!this.#view) return;
    this.#view.markAll();
    this.#deviceStatus.mark();
    this.#alerts.tick();
    this.#past.tick(time);
    this.#connection.update();
    this.#activity.tick(this.#view.deviceCount);
  }

  #restyle() {
    this.#palette.read();
    this.#view?.restyle();
  }
}
