import { expect, it } from 'vitest';
import { appendReading, shareOn } from '../src/lib/readings';
import { at, state, t0 } from './make';

const readings = [0, 60, 120].map((s) => ({ at: at(s), value: s }));

it('goes on with the live state when it is newer, once', () => {
  const live = state('a', { power_at: at(180), power_w: 9 });
  expect(appendReading(readings, live, t0).at(-1)).toEqual({ at: at(180), value: 9 });
  const known = state('a', { power_at: at(120), power_w: 9 });
  expect(appendReading(readings, known, t0)).toEqual(readings);
  expect(appendReading(readings, null, t0)).toEqual(readings);
});

it('keeps the last reading before the beginning, whose value still holds', () => {
  expect(appendReading(readings, null, t0 + 90_000).map(({ value }) => value)).toEqual([60, 120]);
  expect(appendReading(readings, null, t0 + 500_000).map(({ value }) => value)).toEqual([120]);
  expect(appendReading([], null, t0)).toEqual([]);
});

it('takes what is not told for neither there nor away', () => {
  const minute = (n: number) => new Date(n * 60_000).toISOString();
  const told = [
    { at: minute(0), value: 1 },
    { at: minute(10), value: 0 },
    { at: minute(20), value: -1 },
  ];
  expect(shareOn(told, 0, 60 * 60_000)).toBe(0.5);
  expect(shareOn([{ at: minute(0), value: -1 }], 0, 60_000)).toBe(0);
});
