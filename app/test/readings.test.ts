import { expect, it } from 'vitest';
import { appendReading } from '../src/lib/readings';
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
