import { WindsockClient } from "../windsock-client.js";
import { Alerts } from "./alerts/alerts.js";
import { Activity } from "./dashboard/activity.js";
import { DashboardNavigation } from "./dashboard/dashboard-navigation.js";
import { DashboardView } from "./dashboard/dashboard-view.js";
import { DeviceStatusView } from "./dashboard/device-status.js";
import { EmptyState } from "./dashboard/empty-state.js";
import { FrameLoop } from "./dashboard/frame-loop.js";
import { RangePicker } from "./dashboard/range-picker.js";
import { deviceDashboard, takeDeviceValues } from "./devices/device-dashboard.js";
import { DeviceView } from "./devices/device-view.js";
import { DevicesView } from "./devices/devices-view.js";
import { Past } from "./history/past.js";
import { JourneyDialog } from "./latency/journey-dialog.js";
import { Journeys } from "./latency/journeys.js";
import { PaintWatch } from "./latency/paint-watch.js";
import { ChatPanel } from "./people/chat-panel.js";
import { NotificationCenter } from "./people/notification-center.js";
import { SeriesStore } from "./series/series-store.js";
import { ConnectionView } from "./session/connection-view.js";
import { ReadinessWatch, StorageBanner } from "./session/readiness.js";
import { hideUnreachable, isShareToken, isUsedUnasked, mayShare, session, userOf } from "./session/session.js";
import { SignInView } from "./session/sign-in.js";
import { getJSON, isTokenAccepted } from "./shared/api.js";
import { byID, setText } from "./shared/dom.js";
import { Drawers } from "./shared/drawers.js";
import { formatTime } from "./shared/format.js";
import { Palette, Theme } from "./shared/palette.js";
import { openPlacesInside, placeOf } from "./shared/places.js";
import { Kiosk } from "./sharing/kiosk.js";
import { ShareDialog } from "./sharing/share-dialog.js";

const now = () => performance.timeOrigin + performance.now();
/** Interval between two frames of a panel with reduced motion. */
const calmIntervalMs = 1_000;

/**
 * The main page: signs in, loads the dashboards, and feeds the shown place: a dashboard, a device, or all devices.
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
  /** Token with which the readings of the store were received. */
  #storeToken = "";
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
  #emptyState = new EmptyState();
  #navigation = new DashboardNavigation(() => this.#show());
  #ranges = new RangePicker({
    onChange: () => this.#rangeChanged(), onPreview: () => this.#view?.redraw(),
    shown: () => this.#view?.shownSpan ?? { from: this.#serverNow - 300_000, to: this.#serverNow },
  });
  #past = new Past(this.#loop);
  #devicesView = new DevicesView();
  #deviceView = new DeviceView({
    now: () => this.#serverNow,
    onAlert: (id) => this.#alerts.open(id),
    onMetrics: (answer) => this.#showDevice(answer),
    onMissing: () => this.#leaveRooms(),
  });
  #kiosk = new Kiosk(() => this.#start());
  #shareDialog = new ShareDialog();
  /** @type {WindsockClient | null} */
  #client = null;
  /** @type {import("./shared/gateway-types.js").Dashboard[]} */
  #dashboards = [];
  /**
   * The panels of the shown dashboard or device.
   * @type {DashboardView | null}
   */
  #view = null;
  /**
   * Joined rooms of these panels.
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
    openPlacesInside({ isReady: () => this.#client !== null, onOpen: () => this.#show() });
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
      this.#showSignIn(linkQuestion(token), token);
    }
    return true;
  }

  async #start() {
    this.#stop();
    // On a wall, the reason of a failure stays until an attempt succeeds.
    if (!this.#kiosk.isOn) this.#root.dataset.view = "loading";
    const token = session.token ?? "";
    if (token !== this.#storeToken) this.#forget();
    this.#storeToken = token;
    const isShare = isShareToken(token);
    this.#root.dataset.session = isShare ? "share" : "user";
    const start = (this.#latestStart = Symbol("start"));
    try {
      const { dashboards } = await getJSON("/api/dashboards", token);
      if (this.#latestStart !== start) return;
      this.#dashboards = dashboards;
    } catch (error) {
      if (this.#latestStart !== start) return;
      if (error.status === 401) return this.#refused("The gateway does not accept the token any more.");
      setText(byID("load-error", "p"), error.status ? error.message : "The gateway does not answer.");
      this.#root.dataset.view = "failed";
      this.#kiosk.retryLater();
      return;
    }
    if (this.#dashboards.length === 0 && this.#place.kind === "dashboard") {
      if (isShare) return this.#showEnded("The gateway does not have the dashboard any more.");
      this.#root.dataset.view = "none";
      this.#kiosk.retryLater();
      return;
    }
    for (const { panels } of this.#dashboards) this.#retain(panels);
    hideUnreachable(token);
    this.#connect(token);
    this.#shareDialog.attach(token, !isShare && mayShare(token));
    this.#readiness.start();
    this.#emptyState.attach(token);
    this.#navigation.build(this.#dashboards);
    this.#show();
  }

  /** @param {string} token */
  #connect(token) {
    const isShare = isShareToken(token);
    const client = new WindsockClient({
      url: "/ws", token, checkToken: isTokenAccepted, now,
      // A share may not report spans.
      ...(isShare && { tracing: false }),
    });
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
      this.#devicesView.received(update);
      this.#deviceView.received(update);
    });
    client.on("gap", ({ dropped, reason }) => {
      // A gap with a reason is in a room's messages, which the chat reports itself.
      if (!reason) this.#activity.drop(dropped);
    });
    client.on("status", (status) => {
      this.#deviceStatus.set(status);
      this.#devicesView.setStatus(status);
      this.#deviceView.setStatus(status);
    });
    if (!isShare) this.#alerts.attach(client, token);
    if (!isShare && !this.#kiosk.isOn) {
      this.#chat.attach(client, token);
      this.#notifications.attach(client, token);
    }
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
    this.#refused(messages[code] ?? "The gateway does not accept the token: it is expired, or not made for it.", code);
  }

  #stop() {
    this.#kiosk.cancel();
    this.#shareDialog.detach();
    this.#readiness.stop();
    this.#storageBanner.show([]);
    this.#past.detach();
    this.#closePlace();
    this.#handles = [];
    const client = this.#client;
    this.#client = null;
    this.#alerts.detach();
    this.#chat.detach();
    this.#notifications.detach();
    this.#deviceStatus.reset();
    this.#drawers.close();
    this.#journeyDialog.close();
    this.#devicesView.close();
    client?.close();
    this.#connection.reset();
  }

  /**
   * Ends a session that the gateway refuses. Nobody can sign in where a share link was opened.
   * @param {string} message reason for another sign-in
   * @param {number} [code] of the closed connection
   */
  #refused(message, code) {
    if (!isShareToken(session.token ?? "")) return this.#askToSignIn(message);
    this.#showEnded(code === 4504
      ? "Too many pages are open with this link. Close some and load this page again."
      : "It was revoked or has expired. Ask for a new one where you got it.");
  }

  /** @param {string} text why a share link does not work */
  #showEnded(text) {
    this.#latestStart = null;
    this.#stop();
    setText(byID("ended-text", "p"), text);
    this.#root.dataset.view = "ended";
    document.title = "Windsock";
    this.#kiosk.retryLater();
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
    this.#forget();
    this.#root.dataset.view = "sign-in";
    document.title = "Sign in – Windsock";
    this.#signIn.show(message, token);
  }

  /** Forgets all readings, because another token may not see them. */
  #forget() {
    this.#store = new SeriesStore();
    this.#journeys = new Journeys();
  }

  // Places

  #show() {
    const client = this.#client;
    if (!client) return;
    const place = this.#place;
    if (place.kind !== "devices") this.#devicesView.close();
    this.#closePlace();
    this.#root.dataset.view = "dashboard";
    this.#root.dataset.place = place.kind;
    this.#connection.setRefusedRoom(null);
    this.#activity.reset();
    if (place.kind === "dashboard") {
      const definition = place.id === null ? this.#dashboards[0] : this.#dashboards.find(({ id }) => id === place.id);
      if (definition) this.#showDashboard(definition);
      else if (place.id !== null) this.#showUnknown(place.id);
      // Without dashboards, the page starts with another place.
      else location.reload();
      return;
    }
    this.#navigation.mark("");
    this.#past.show([], [], this.#ranges.range, []);
    this.#title(place.kind === "devices" ? "All devices" : place.device);
    if (place.kind === "devices") {
      this.#leaveRooms();
      this.#devicesView.open(client, session.token ?? "");
    } else {
      this.#deviceView.open(place.device, session.token ?? "");
    }
  }

  /**
   * The place that the URL names. A share link reaches only its dashboard.
   * @returns {import("./shared/places.js").Place}
   */
  get #place() {
    return isShareToken(session.token ?? "") ? { kind: "dashboard", id: null } : placeOf(location.search);
  }

  #closePlace() {
    this.#view?.destroy();
    this.#view = null;
    this.#deviceView.close();
    this.#shareDialog.close();
  }

  /** @param {string} title */
  #title(title) {
    document.title = `${title} – Windsock`;
    setText(byID("dashboard-title", "h1"), title);
    setText(byID("dashboard-description", "p"), "");
    const place = this.#place;
    const device = place.kind === "device" ? `?${new URLSearchParams({ device: place.device })}` : "";
    byID("latency-link", "a").href = `latency.html${device}`;
  }

  /** @param {import("./shared/gateway-types.js").Dashboard} definition */
  #showDashboard(definition) {
    this.#shareDialog.show(definition);
    this.#showPanels(definition);
  }

  /**
   * Shows the panels of a device.
   * @param {import("./shared/gateway-types.js").DeviceAnswer} answer
   */
  #showDevice(answer) {
    const { device, rooms, first_seen: firstSeen } = answer;
    this.#view?.destroy();
    this.#view = null;
    takeDeviceValues(this.#store, answer, this.#serverNow);
    const definition = deviceDashboard(answer);
    this.#retain(definition.panels);
    const known = rooms.map((room) => ({ device, room_id: room, first_seen: firstSeen }));
    this.#showPanels(definition, known);
  }

  /**
   * Shows the panels of a dashboard or a device.
   * @param {import("./shared/gateway-types.js").Dashboard} definition
   * @param {import("./history/history.js").KnownDevice[] | null} known the device, on its own page
   */
  #showPanels(definition, known = null) {
    this.#ranges.update(definition.panels);
    this.#navigation.mark(definition.id);
    this.#title(definition.title);
    this.#root.dataset.dashboard = definition.id;
    this.#view = new DashboardView(definition, {
      store: this.#store, palette: this.#palette, loop: this.#loop, paints: this.#paints,
      serverNow: () => this.#serverNow, token: () => session.token ?? "", past: this.#past, alerts: this.#alerts.store,
      range: () => this.#ranges.range, zoom: this.#kiosk.isOn ? null : this.#ranges, isDevicePage: known !== null,
      onAlert: (id) => !this.#kiosk.isOn && this.#alerts.open(id), emptyState: this.#emptyState,
      onPoint: (point) => this.#openJourney(point),
    });
    this.#setAlertRange();
    this.#past.show(this.#view.panels, definition.rooms, this.#ranges.range, known);
    this.#join(definition.rooms, this.#view);
    this.#tick();
  }

  /**
   * Shows where the time of a reading went. A share link may not read traces, and nobody closes a dialog on a wall.
   * @param {{device: string, time: number, text: string}} point
   */
  #openJourney(point) {
    if (this.#root.dataset.session !== "user" || this.#kiosk.isOn) return;
    this.#journeyDialog.open(point, this.#journeys.find(point.device, point.time));
  }

  /**
   * Keeps readings for the longest window of panels.
   * @param {import("./shared/gateway-types.js").PanelDefinition[]} panels
   */
  #retain(panels) {
    for (const { window_s: window = 0 } of panels) {
      this.#store.retentionMs = Math.max(this.#store.retentionMs, window * 1000);
    }
  }

  /**
   * Tells that the URL names no dashboard. The tabs stay.
   * @param {string} id
   */
  #showUnknown(id) {
    setText(byID("unknown-id", "strong"), `“${id}”`);
    this.#navigation.mark(id);
    this.#past.show([], [], this.#ranges.range, []);
    this.#leaveRooms();
    document.title = "Unknown dashboard – Windsock";
    this.#root.dataset.view = "unknown";
    delete this.#root.dataset.dashboard;
    this.#kiosk.retryLater();
  }

  #rangeChanged() {
    if (!this.#view) return;
    this.#setAlertRange();
    this.#past.change(this.#view.panels, this.#ranges.range);
    this.#navigation.mark(this.#root.dataset.dashboard ?? "");
    this.#view.redraw();
  }

  /** The charts show the alerts of their range. */
  #setAlertRange() {
    const { ms, span } = this.#ranges.range;
    this.#alerts.store.setRange(span ? this.#serverNow - span.from : (ms ?? 0));
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

  #leaveRooms() {
    for (const handle of this.#handles) handle.leave();
    this.#handles = [];
  }

  // Time

  /** The gateway's time; before the first connection the local one. */
  get #serverNow() {
    return this.#client?.serverNow() ?? now();
  }

  #tick() {
    const time = this.#serverNow;
    setText(byID("clock", "span"), formatTime(time));
    if (!this.#client) return;
    this.#devicesView.tick();
    this.#deviceView.tick();
    this.#view?.markAll();
    this.#deviceStatus.mark();
    this.#alerts.tick();
    this.#past.tick(time);
    this.#connection.update();
    this.#activity.tick(this.#view?.deviceCount ?? 0);
  }

  #restyle() {
    this.#palette.read();
    this.#view?.restyle();
  }
}

/**
 * Returns the question whether to sign in with a link's token.
 * @param {string} token
 */
function linkQuestion(token) {
  if (isShareToken(token)) {
    return "This link shows one shared dashboard. Signing in with it ends your own session in this tab; "
      + "reload the page to keep that.";
  }
  const user = userOf(token);
  return user
    ? `This link signs you in as “${user}”. Do so only if you know where it comes from.`
    : "This link brings a token. Sign in with it only if you know where it comes from.";
}

new GatewayPage();
