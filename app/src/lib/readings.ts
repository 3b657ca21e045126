// The readings of a chart, continued by live states. Pure.

import { parseTime } from './format';
import type { LightState, Reading } from './types';

/**
 * The readings from a time on (ms UTC), in order, with the power of a live state
 * added when it is newer than all of them. The last one before that time is kept,
 * because its value still holds when the chart begins.
 */
export function appendReading(
  readings: readonly Reading[],
  state: LightState | null,
  from: number,
): Reading[] {
  const all = [...readings];
  const at = parseTime(state?.power_at);
  const last = parseTime(all.at(-1)?.at) ?? -Infinity;
  if (state?.power_at && state.power_w !== null && at !== null && at > last) {
    all.push({ at: state.power_at, value: state.power_w });
  }
  const first = all.findIndex(({ at }) => (parseTime(at) ?? 0) >= from);
  if (first < 0) return all.slice(-1);
  return all.slice(Math.max(0, first - 1));
}

/** The readings in the order of their times. */
export function inOrder(readings: readonly Reading[]): Reading[] {
  return readings.toSorted((a, b) => (parseTime(a.at) ?? 0) - (parseTime(b.at) ?? 0));
}

/** How much of a time (ms UTC) a value was above 0 that holds until the next one; the readings are in order. */
export function shareOn(readings: readonly Reading[], from: number, to: number): number {
  let on = 0;
  let known = 0;
  readings.forEach(({ at, value }, i) => {
    const begin = Math.max(from, parseTime(at) ?? to);
    const end = Math.min(to, parseTime(readings[i + 1]?.at) ?? to);
    if (value < 0) return; // not told from here on
    known += Math.max(0, end - begin);
    if (value > 0) on += Math.max(0, end - begin);
  });
  return known > 0 ? on / known : 0;
}
