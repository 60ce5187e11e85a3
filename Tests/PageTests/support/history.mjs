import { DevicePatterns } from "../../../dashboards/web/app/shared/names.js";
import { History } from "../../../dashboards/web/app/history/history.js";
import { SeriesStore } from "../../../dashboards/web/app/series/series-store.js";
import { settled } from "./clock.mjs";
import { Questions } from "./gateway.mjs";

export const minutes = { id: "5m", ms: null };
export const hour = { id: "1h", ms: 3_600_000 };

/** The history of a dashboard with one panel, with a gateway that the test plays. */
export class HistoryBench {
  store = new SeriesStore();
  questions = new Questions();
  /** The status that the panel shows. */
  status = null;
  /** Number of reports that readings are missing. */
  missingCount = 0;
  /** Number of requests for the list of devices. */
  listCount = 0;

  /** @param {string[]} options.silent devices that are online without a reading so far */
  constructor(clock, {
    devices = ["d1"], silent = [], rooms = ["sensors/+"], range = minutes, isClockKnown = () => true,
  } = {}) {
    this.clock = clock;
    const patterns = new DevicePatterns(["*"]);
    this.panel = {
      wantsPast: true, columns: 600, windowMs: 300_000, definition: { metrics: ["t"] },
      isInterestedIn: (device) => patterns.matches(device), select: (names) => patterns.select(names),
      showPast: (status) => (this.status = status),
    };
    this.history = new History({
      store: this.store, loop: { mark() {} }, serverNow: () => clock.now, isClockKnown, request: this.questions.ask,
      devices: async () => {
        this.listCount += 1;
        return [
          ...devices.map((device) => ({ device, room_id: `sensors/${device}`, first_seen: 1 })),
          ...silent.map((device) => ({ device, room_id: `sensors/${device}`, status: "online" })),
        ];
      },
      onMissing: () => (this.missingCount += 1),
    });
    this.rooms = rooms;
    this.history.show([this.panel], rooms, range);
  }

  /** Joins all rooms and sends the requests that follow. */
  async join() {
    for (const room of this.rooms) this.history.joined(room);
    await this.clock.advance(100);
  }

  /** Receives a live reading. */
  hear(device = "d1", { room = `sensors/${device}`, snapshot, age = 0 } = {}) {
    const time = this.clock.now - age;
    this.store.add({ device, room_id: room, data: { t: 1, timestamp: time / 1000 }, snapshot }, this.clock.now);
    this.history.heard(device);
    return time;
  }

  /** Answers every request with one current reading. */
  async answerAll() {
    await this.questions.answer(({ device, from, to }) => {
      const time = Math.min(this.clock.now / 1000, to - 1);
      return { device, series: [{ room_id: `sensors/${device}`, metric: "t", points: time >= from ? [[time, 1]] : [] }] };
    });
  }

  async failAll(error = Object.assign(new Error("away"), { temporary: true })) {
    await this.questions.answer(() => error);
    await settled();
  }

  /** Returns the age in seconds from which readings were requested, without the first `count` requests. */
  secondsBack(count = 0) {
    return this.questions.all.slice(count).map(({ from }) => Math.round(this.clock.now / 1000 - from));
  }
}
