import { describe, expect, it } from 'vitest';
import { bars, change, energyFile, gaps, ranked, weekOf } from '../src/lib/energy';
import { energy, grams, signed } from '../src/lib/format';
import {
  addDays,
  around,
  beside,
  clockOf,
  lengthOf,
  stepNames,
  stepsOf,
  today,
} from '../src/lib/periods';
import type { EnergyAnswer, EnergyFigures, EnergyRow, OccupancyAnswer } from '../src/lib/types';

const plain = (text: string) => text.replaceAll('\u00a0', ' ');

describe('periods', () => {
  it.each([
    ['2026-03-29', 'day', '2026-03-29', '2026-03-30'],
    ['2026-03-29', 'week', '2026-03-23', '2026-03-30'], // a Sunday: weeks begin on Monday
    ['2026-03-30', 'week', '2026-03-30', '2026-04-06'],
    ['2028-02-10', 'month', '2028-02-01', '2028-03-01'],
    ['2026-12-31', 'month', '2026-12-01', '2027-01-01'],
    ['2026-12-31', 'year', '2026-01-01', '2027-01-01'],
  ] as const)('around %s, a %s', (day, length, from, to) =>
    expect(around(day, length)).toEqual({ from, to }),
  );

  it('goes to the periods beside', () => {
    const march = around('2026-03-15', 'month');
    expect(beside(march, 'month', -1)).toEqual({ from: '2026-02-01', to: '2026-03-01' });
    expect(beside(march, 'month', 1)).toEqual({ from: '2026-04-01', to: '2026-05-01' });
    expect(beside({ from: '2026-03-01', to: '2026-03-11' }, 'custom', -1)).toEqual({
      from: '2026-02-19',
      to: '2026-03-01',
    });
  });

  it('counts days over the change of clocks', () => {
    expect(addDays('2026-03-28', 2)).toBe('2026-03-30');
    expect(lengthOf({ from: '2026-10-24', to: '2026-10-26' })).toBe(2);
  });

  it('knows what day and hour it is elsewhere', () => {
    const at = Date.parse('2026-11-22T23:30:00Z');
    expect(today(at, 'Europe/Berlin')).toBe('2026-11-23');
    expect(today(at, 'America/New_York')).toBe('2026-11-22');
    expect(clockOf('Europe/Berlin')('2026-11-22T23:30:00Z')).toEqual({ weekday: 0, hour: 0 });
    expect(stepNames('hour', 'Europe/Berlin').short('2026-11-22T23:00:00Z')).toBe('00:00');
  });

  it.each([
    [1, ['hour']],
    [7, ['day', 'hour']],
    [31, ['day', 'week']],
    [365, ['month', 'week', 'day']],
    [1100, ['month', 'year']],
  ])('%i days are cut into %j', (n, steps) =>
    expect(stepsOf({ from: '2026-01-01', to: addDays('2026-01-01', n) })).toEqual(steps),
  );
});

function figures(energy_wh: number, known_share: number | null = 1): EnergyFigures {
  return {
    energy_wh,
    spread_wh: 0,
    known_share,
    burn_h: 1,
    peak_device_w: 1,
    peak_w: null,
    cost: 0.5,
    co2_g: null,
    baseline_wh: null,
  };
}

function rowOf(id: string, values: EnergyFigures[]): EnergyRow {
  const sum = values.reduce((all, { energy_wh }) => all + energy_wh, 0);
  return {
    id,
    name: id,
    network_id: 'n',
    devices: 1,
    removed: false,
    total: figures(sum),
    values,
    compared_total: null,
    compared: [],
  };
}

describe('energy', () => {
  const spans = [0, 1, 2, 3].map((i) => ({
    from: `2026-11-0${i + 1}T00:00:00Z`,
    to: `2026-11-0${i + 2}T00:00:00Z`,
  }));
  const row = rowOf('a', [figures(5), figures(0, null), figures(2, 0.5), figures(0, null)]);
  const answer: EnergyAnswer = {
    time_zone: 'UTC',
    by: 'day',
    per: 'project',
    currency: 'EUR',
    spans,
    compared_spans: [],
    items: [row],
  };

  it('draws no bar where nothing is known', () =>
    expect(bars(row.values)).toEqual([5, null, 2, null]));

  it('counts what is missing, of the past alone', () =>
    expect(gaps(answer, row, Date.parse('2026-11-03T12:00:00Z'))).toEqual({
      partly: 1,
      unknown: 1,
      of: 3,
    }));

  it('says how far two amounts are apart', () => {
    expect(change(90, 100)).toBeCloseTo(-0.1);
    expect(change(90, 0)).toBeNull();
    expect(change(90, null)).toBeNull();
    expect(plain(signed(-0.1))).toBe('\u221210 %');
    expect(plain(signed(0.104))).toBe('+10 %');
    expect(plain(signed(0))).toBe('0 %');
  });

  it('lists the greatest first', () =>
    expect(ranked([rowOf('b', [figures(1)]), row]).map(({ id }) => id)).toEqual(['a', 'b']));

  it('writes a line for each span', () => {
    const lines = energyFile(answer, row).trim().split('\r\n');
    expect(lines.length).toBe(5);
    expect(lines[1]).toBe('2026-11-01T00:00:00Z,2026-11-02T00:00:00Z,5,1,0.5,,,,,');
  });

  it.each([
    [0, 0, '0 Wh'],
    [999, 999, '999 Wh'],
    [1500, 1500, '1.5 kWh'],
    [500, 20_000, '0.5 kWh'], // in the unit of what is beside it
    [123_456, 123_456, '123 kWh'],
    [2_345_678, 2_345_678, '2.35 MWh'],
  ])('%d Wh beside %d is %s', (wh, most, text) => expect(plain(energy(wh, most))).toBe(text));

  it('writes masses', () => expect(plain(grams(1500))).toBe('1.5 kg'));
});

it('lays the weeks over each other, each hour by how much is known of it', () => {
  const answer: OccupancyAnswer = {
    time_zone: 'Europe/Berlin',
    aggregated: false,
    spans: ['2026-11-02T08:00:00Z', '2026-11-09T08:00:00Z', '2026-11-03T08:00:00Z'].map((from) => ({
      from,
      to: from,
    })),
    items: [],
  };
  const values = [
    { occupied_share: 1, known_share: 1 },
    { occupied_share: 0, known_share: 0.5 },
    { occupied_share: null, known_share: null },
  ];
  const week = weekOf(answer, { id: 'g', name: 'g', network_id: 'n', sensors: 1, values });
  expect(week[0]?.[9]).toBeCloseTo(2 / 3); // Monday, nine in Berlin
  expect(week[1]?.[9]).toBeNull();
  expect(week.flat().filter((share) => share !== null).length).toBe(1);
});
