import { RoomLog } from "./room-log.js";

/** Rooms whose position is remembered; beyond it the ones that spoke first are forgotten, but never the inbox. */
const maxRooms = 1_000;

/** The logs of all rooms that remember: those joined by name, the inbox, and those that filters brought. */
export class RoomLogs {
  /** @type {Map<string, RoomLog>} */
  #logs = new Map();
  #ports;
  #epoch = null;
  #kept = null;

  /** @param {object} ports as {@link RoomLog} has them */
  constructor(ports) {
    this.#ports = ports;
  }

  /** The log of a room; made when there is none. @param {string} room */
  of(room) {
    let log = this.#logs.get(room);
    if (!log) {
      if (this.#logs.size >= maxRooms) this.#forgetOldest();
      this.#logs.set(room, (log = new RoomLog(room, this.#ports)));
    }
    return log;
  }

  /** Names the room that is never forgotten. @param {string} room */
  keep(room) {
    this.#kept = room;
  }

  #forgetOldest() {
    for (const room of this.#logs.keys()) {
      if (room === this.#kept) continue;
      this.#logs.delete(room);
      return;
    }
  }

  /** The log of a room if there is one. @param {string} room */
  get(room) {
    return this.#logs.get(room);
  }

  /**
   * A filter was joined again: the gateway replays nothing for it, so the rooms that it brought are read from the
   * history. @param {(room: string) => boolean} isBrought
   */
  catchUp(isBrought) {
    for (const [room, log] of this.#logs) if (isBrought(room)) log.catchUp();
  }

  /** Forgets a room that was left. @param {string} room */
  forget(room) {
    this.#logs.delete(room);
  }

  /** The gateway's history has this epoch: with another one, offsets that only filters brought mean nothing. */
  setEpoch(epoch) {
    if (epoch === undefined || epoch === this.#epoch) return;
    if (this.#epoch !== null) for (const [room, log] of this.#logs) if (log.epoch === null) this.#logs.delete(room);
    this.#epoch = epoch;
  }
}
