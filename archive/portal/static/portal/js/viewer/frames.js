// Frames as bitmaps: fetched once, neighbours first, the least used forgotten.

const MAX_PIXELS = 220_000_000; // about 900 MB of RGBA on the worst day, far less on most
const PARALLEL = 4;

/** Flatten instances into frames, in order. */
export function listFrames(data) {
  const frames = [];
  for (const instance of data.instances)
    for (let number = 1; number <= instance.frames; number += 1)
      frames.push({ ...instance, frame: number });
  return frames;
}

export class FrameStore {
  constructor(data, frames, onLoaded, most = 600) {
    this.most = most; // frames fetched ahead at most
    this.base = data.instances_url;
    this.frames = frames;
    this.onLoaded = onLoaded;
    this.bitmaps = new Map(); // key -> bitmap, in order of use
    this.pixels = 0;
    this.running = new Map(); // key -> AbortController
    this.failed = new Set();
    this.centre = 0;
    this.direction = 1;
    this.window = "";
    this.isWhole = false; // nothing is left to fetch
  }

  url(index, window) {
    const { uid, frame } = this.frames[index];
    // At 95 the blocks of JPEG stay below what an eye finds at any zoom; PNG costs three times more.
    const query = window ? `&window=${window},linear` : "";
    return `${this.base}${uid}/frames/${frame}/rendered?quality=95${query}`;
  }

  key(index, window = this.window) {
    return `${index}|${window}`;
  }

  get(index) {
    const key = this.key(index);
    const bitmap = this.bitmaps.get(key);
    if (bitmap) {
      this.bitmaps.delete(key);
      this.bitmaps.set(key, bitmap);
    }
    return bitmap;
  }

  hasFailed(index) {
    return this.failed.has(this.key(index));
  }

  /** Make the window what is wanted from now on; what is being fetched for another one stops. */
  setWindow(window) {
    if (window === this.window) return;
    this.window = window;
    this.isWhole = false;
    for (const [key, controller] of this.running)
      if (!key.endsWith(`|${window}`)) controller.abort();
  }

  /** Say which frame is in sight; it and its neighbours are fetched, nearest first. */
  want(index) {
    if (index !== this.centre) this.direction = index > this.centre ? 1 : -1;
    this.centre = index;
    this.pump();
  }

  pump() {
    // A frame in sight never waits behind its neighbours: it may use one connection more.
    const first = this.nextWanted();
    if (first === null) return;
    const limit = first === this.centre ? PARALLEL + 1 : PARALLEL;
    if (this.running.size >= limit) return;
    this.load(first);
    this.pump();
  }

  nextWanted() {
    if (this.isWhole) return null;
    const count = this.frames.length;
    const reach = Math.min(count, this.reach());
    for (let distance = 0; distance < reach; distance += 1) {
      const ahead = this.centre + distance * this.direction;
      const behind = this.centre - distance * this.direction;
      for (const index of [ahead, behind]) {
        if (index < 0 || index >= count) continue;
        const key = this.key(index);
        if (!this.bitmaps.has(key) && !this.running.has(key) && !this.failed.has(key)) return index;
      }
    }
    this.isWhole = reach === count && !this.running.size;
    return null;
  }

  reach() {
    const one = this.frames[this.centre];
    const size = Math.max(1, one.rows * one.columns || 512 * 512);
    return Math.min(this.most, Math.max(4, Math.floor(MAX_PIXELS / size / 2)));
  }

  async load(index) {
    const key = this.key(index);
    const controller = new AbortController();
    this.running.set(key, controller);
    try {
      const response = await fetch(this.url(index, this.window), {
        headers: { Accept: "image/jpeg" },
        signal: controller.signal,
      });
      if (!response.ok) throw new Error(String(response.status));
      const bitmap = await createImageBitmap(await response.blob());
      this.keep(key, bitmap);
    } catch (error) {
      if (error.name !== "AbortError") this.failed.add(key);
    } finally {
      this.running.delete(key);
    }
    this.onLoaded(index, key);
    this.pump();
  }

  keep(key, bitmap) {
    this.bitmaps.set(key, bitmap);
    this.pixels += bitmap.width * bitmap.height;
    for (const [old, stale] of this.bitmaps) {
      if (this.pixels <= MAX_PIXELS || old === key) break;
      this.bitmaps.delete(old);
      this.isWhole = false;
      this.pixels -= stale.width * stale.height;
      stale.close();
    }
  }

  loadedShare() {
    const wanted = Math.min(this.frames.length, this.reach());
    let loaded = 0;
    for (let index = 0; index < this.frames.length; index += 1)
      if (this.bitmaps.has(this.key(index))) loaded += 1;
    return Math.min(1, loaded / wanted);
  }
}

/** What the overlay and the window need of an instance, from its DICOM JSON; fetched once. */
export class InstanceFacts {
  constructor(data) {
    this.base = data.instances_url;
    this.known = new Map();
  }

  of(uid) {
    if (!this.known.has(uid)) this.known.set(uid, this.fetch(uid));
    return this.known.get(uid);
  }

  async fetch(uid) {
    const response = await fetch(`${this.base}${uid}/metadata`, {
      headers: { Accept: "application/dicom+json" },
    });
    if (!response.ok) return {};
    const [ds] = await response.json();
    const shared = ds["52009229"]?.Value?.[0] ?? {};
    const first = ds["52009230"]?.Value?.[0] ?? {};
    const inGroups = (sequence, tag) =>
      first[sequence]?.Value?.[0]?.[tag]?.Value ?? shared[sequence]?.Value?.[0]?.[tag]?.Value;
    const value = (tag, sequence) => ds[tag]?.Value ?? (sequence ? inGroups(sequence, tag) : null);
    const number = (tag, sequence) => {
      const found = Number(value(tag, sequence)?.[0]);
      return Number.isFinite(found) ? found : null;
    };
    return {
      center: number("00281050", "00289132"),
      width: number("00281051", "00289132"),
      slope: number("00281053", "00289145") ?? 1,
      intercept: number("00281052", "00289145") ?? 0,
      bits: number("00280101") ?? 12,
      isSigned: number("00280103") === 1,
      thickness: number("00180050", "00289110"),
      location: number("00201041"),
      spacing: value("00280030", "00289110") ?? value("00181164"),
      position: value("00200032", "00209113"),
      kvp: number("00180060"),
    };
  }
}
