// What is made of the answers about energy and occupancy for the screen. Pure.

import { csv } from './csv';
import { clockOf } from './periods';
import type {
  EnergyAnswer,
  EnergyFigures,
  EnergyRow,
  OccupancyAnswer,
  OccupancyRow,
} from './types';

/** From this share of the time on, what is known counts as all: a minute is missing now and then. */
export const enough = 0.99;

/** How far apart two amounts are, as a share of the second; null when that says nothing. */
export function change(now: number, then: number | null | undefined): number | null {
  if (then === null || then === undefined || then <= 0) return null;
  return (now - then) / then;
}

/** A bar of the chart: null where nothing is known. */
export function bars(values: readonly EnergyFigures[]): (number | null)[] {
  return values.map(({ energy_wh, known_share }) =>
    known_share === null && energy_wh === 0 ? null : energy_wh,
  );
}

/** How many of the spans that began are known in part only, or not at all. */
export function gaps(
  answer: EnergyAnswer,
  row: EnergyRow,
  now: number,
): { partly: number; unknown: number; of: number } {
  let [partly, unknown, of] = [0, 0, 0];
  row.values.forEach(({ known_share }, i) => {
    if (Date.parse(answer.spans[i]?.from ?? '') >= now) return;
    of++;
    if (known_share === null || known_share === 0) unknown++;
    else if (known_share < enough) partly++;
  });
  return { partly, unknown, of };
}

/** The rows that used most come first; equals in the order of the server. */
export function ranked(rows: readonly EnergyRow[]): EnergyRow[] {
  return [...rows].sort((a, b) => b.total.energy_wh - a.total.energy_wh);
}

/** One row as a file: a line for each span. */
export function energyFile(answer: EnergyAnswer, row: EnergyRow): string {
  return csv([
    [
      'from',
      'to',
      'energy_wh',
      'known_share',
      `cost_${answer.currency.toLowerCase()}`,
      'co2_g',
      'peak_w',
      'baseline_wh',
      'compared_from',
      'compared_energy_wh',
    ],
    ...answer.spans.map((span, i) => {
      const value = row.values[i];
      return [
        span.from,
        span.to,
        value?.energy_wh ?? null,
        value?.known_share ?? null,
        value?.cost ?? null,
        value?.co2_g ?? null,
        value?.peak_w ?? null,
        value?.baseline_wh ?? null,
        answer.compared_spans[i]?.from ?? null,
        row.compared[i]?.energy_wh ?? null,
      ];
    }),
  ]);
}

/** How much of an hour of the week somebody was there, over all weeks; null for what is not known. */
export type Week = (number | null)[][];

/** Puts the hours of some weeks over each other: 7 days from Monday on, of 24 hours each. */
export function weekOf(answer: OccupancyAnswer, row: OccupancyRow): Week {
  const at = clockOf(answer.time_zone);
  const sums = Array.from({ length: 7 }, () =>
    Array.from({ length: 24 }, () => ({ seen: 0, known: 0 })),
  );
  answer.spans.forEach((span, i) => {
    const { occupied_share, known_share } = row.values[i] ?? {};
    if (occupied_share == null || !known_share) return;
    const { weekday, hour } = at(span.from);
    const sum = sums[weekday]?.[hour];
    if (!sum) return;
    sum.seen += occupied_share * known_share;
    sum.known += known_share;
  });
  return sums.map((day) => day.map(({ seen, known }) => (known > 0 ? seen / known : null)));
}
