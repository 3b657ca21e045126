import { describe, expect, it } from 'vitest';
import { ago, byName, eui64, names, panId, parseTime, percent, watts } from '../src/lib/format';
import { t0 } from './make';

/** With plain spaces where the text has those that keep a number and its unit on one line. */
const plain = (text: string) => text.replaceAll('\u00a0', ' ');

it('never breaks the line between a number and its unit', () => {
  for (const text of [percent(500), watts(12), ago(0, 5000)]) expect(text).toMatch(/^[\d.]+\u00a0/);
});

describe('percent', () => {
  it.each([
    [0, '0 %'],
    [1, '1 %'], // lit, if barely: never "0 %"
    [4, '1 %'],
    [498, '50 %'],
    [1000, '100 %'],
  ])('%i per mille is %s', (permille, text) => expect(plain(percent(permille))).toBe(text));
});

describe('watts', () => {
  it.each([
    [0, '0.0 W'],
    [0.4, '0.40 W'],
    [0.996, '1.0 W'],
    [12.34, '12.3 W'],
    [99.94, '99.9 W'],
    [99.96, '100 W'],
    [1234, '1,234 W'],
    [12_345, '12.35 kW'],
  ])('%d is %s', (value, text) => expect(plain(watts(value))).toBe(text));
});

describe('ago', () => {
  it.each([
    [-5, 'just now'], // a clock that is a little ahead
    [1, 'just now'],
    [2, '2 s ago'],
    [59, '59 s ago'],
    [60, '1 min ago'],
    [3599, '59 min ago'],
    [3600, '1 h ago'],
    [47 * 3600, '47 h ago'],
    [48 * 3600, '2 days ago'],
  ])('%i seconds is %s', (seconds, text) => expect(plain(ago(t0, t0 + seconds * 1000))).toBe(text));
});

describe('names', () => {
  it('lists up to the limit and counts the rest', () => {
    expect(names(['A'])).toBe('A');
    expect(names(['A', 'B', 'C'])).toBe('A, B and C');
    expect(plain(names(['A', 'B', 'C', 'D']))).toBe('A, B and 2 others');
    expect(plain(names(['A', 'B'], 1))).toBe('2 others');
  });
});

it('orders names as people count', () => {
  expect(['Light 10', 'Light 2', 'aisle'].sort(byName)).toEqual(['aisle', 'Light 2', 'Light 10']);
});

it('writes addresses as labels and the field do', () => {
  expect(eui64('00158d0001a2b3c4')).toBe('00:15:8D:00:01:A2:B3:C4');
  expect(panId(0x1a62)).toBe('0x1A62');
  expect(panId('a2')).toBe('0x00A2');
});

it('reads times, and knows what is none', () => {
  expect(parseTime('2026-03-02T09:00:00Z')).toBe(t0);
  expect(parseTime(null)).toBeNull();
  expect(parseTime('yesterday')).toBeNull();
});
