import { WindsockClient } from "../windsock-client.js";
import { Alerts } from "./alerts/alerts.js";
import { Activity } from "./dashboard/activity.js";
import { DashboardNavigation } from "./dashboard/dashboard-navigation.js";
import { DashboardView } from "./dashboard/dashboard-view.js";
import { DeviceStatusView } from "./dashboard/device-status.js";
import { FrameLoop } from "./dashboard/frame-loop.js";
import { RangePicker } from "./dashboard/range-picker.js";
import { Past } from "./history/past.js";
import { JourneyDialog } from "./latency/journey-dialog.js";
import { Journeys } from "./latency/journeys.js";
import { PaintWatch } from "./latency/paint-watch.js";
import { ChatPanel } from "./people/chat-panel.js";
import { NotificationCenter } from "./people/notification-center.js";
import { SeriesStore } from "./series/series-store.js";
import { ConnectionView } from "./session/connection-view.js";
import { ReadinessWatch, StorageBanner } from "./session/readiness.js";
import { isUsedUnasked, session, userOf } from "./session/session.js";
import { SignInView } from "./session/sign-in.js";
import { getJSON, isTokenAccepted } from "./shared/api.js";
import { byID, setText } from "./shared/dom.js";
import { Drawers } from "./shared/drawers.js";
import { formatTime } from "./shared/format.js";
import { Palette, Theme } from "./shared/palette.js";

const now = () => performance.timeOrigin + performance.now();
/** Interval between two frames of a panel with reduced motion. */
const calmIntervalMs = 1_000;

/**
 * The dashboards' page: signs in, loads the dashboards, and feeds the shown one.
 *
 *     WindsockClient ──data──▶ SeriesStore ──▶ DashboardView ──marks──▶ FrameLoop ──draws──▶ panels
 *            ▲        Past ──requests──▲               PaintWatch ◀─────────┘
 *            └────────────────────painted──────────────────┘
 */
class GatewayPage {
  #root = document.documentElement;
  // The theme comes first, because the palette reads its colours.
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
  #readiness = new ReadinessWatch((failed, outdated) => {
    this.#storageBanner.show(failed);
    this.#connection.setFailedChecks(failed, outdated);
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
  /** @type {import("./shared/gateway-types.js").Dashboard[]} */
  #dashboards = [];
  /** @type {DashboardView | null} */
  #view = null;
  /**
   * Joined rooms of the shown dashboard.
   * @type {import("../windsock-client.js").RoomHandle[]}
   */
  #handles = [];
  /**
   * Identity of the latest start; a new token may come while dashboards are loading.
   * @type {symbol | null}
   */
  #latestStart = null;
  #activity = new Activity();

  constructor() {
    byID("theme", "button").addEventListener("click", () => this.#theme.toggle());
    byID("sign-out", "button").addEventListener("click", () => this.#askToSignIn());
    byID("load-retry", "button").addEventListener("click", () => this.#start());
    // The sign-in page has nothing to show.
    addEventListener("popstate", () => this.#client && this.#show());
    addEventListener("hashchange", () => this.#followLink());
    setInterval(() => this.#tick(), 1_000);
    if (this.#followLink()) return;
    if (session.token) this.#start();
    else this.#askToSignIn();
  }

  /**
   * Signs in by the URL's token, or asks for a confirmation.
   * @returns {boolean} whether there was a token
   */
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
    const token = session.token ?? "";
    const start = (this.#latestStart = Symbol("start"));
    try {
      const { dashboards } = await getJSON("/api/dashboards", token);
      if (this.#latestStart !== start) return;
      this.#dashboards = dashboards;
    } catch (error) {
      if (this.#latestStart !== start) return;
      if (error.status === 401) return this.#askToSignIn("The gateway does not accept the token any more.");
      setText(byID("load-error", "p"), error.status ? error.message : "The gateway does not answer.");
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

  /** @param {string} token */
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
      // A gap with a reason is in a room's messages, which the chat reports itself.
      if (!reason) this.#activity.drop(dropped);
    });
    client.on("status", (status) => this.#deviceStatus.set(status));
    this.#alerts.attach(client, token);
    this.#chat.attach(client, token);
    this.#notifications.attach(client, token);
    client.on("error", (error) => console.warn(`${error.code}: ${error.message}`));
    client.connect();
  }

  /** @param {import("./latency/paint-watch.js").Waiting} waiting */
  #painted({ journey, envelope }) {
    const time = now();
    journey.paintedAt ??= time + journey.offsetMs;
    this.#client?.painted(envelope, time);
  }

  /** @param {import("../windsock-client.js").ConnectionState & {state: "closed"}} state */
  #ended({ code, reason }) {
    /** @type {Record<number, string>} */
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

  /** @param {string} [message] reason for another sign-in */
  #askToSignIn(message) {
    session.signOut();
    this.#showSignIn(message);
  }

  /**
   * Shows the sign-in form. The session stays until another sign-in, so a reload continues it.
   * @param {string} [message] reason for another sign-in
   * @param {string} [token] token of a link
   */
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
      serverNow: () => this.#serverNow, past: this.#past, alerts: this.#alerts.store,
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
    this.#navigation.mark(this.#root.dataset.dashboard ?? "");
    this.#view.redraw();
  }

  /**
   * Joins the new rooms before it leaves the old ones, so that shared rooms are not interrupted.
   * @param {string[]} rooms
   * @param {DashboardView} view
   */
  #join(rooms, view) {
    const client = this.#client;
    if (!client) return;
    const old = this.#handles;
    this.#handles = rooms.map((room) =>
      client.join(room, {
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

  /** The gateway's time; before the first connection the local one. */
  get #serverNow() {
    return this.#client?.serverNow() ?? now();
  }

  #tick() {
    const time = this.#serverNow;
    setText(byID("clock", "span"), formatTime(time));
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

new GatewayPage();
