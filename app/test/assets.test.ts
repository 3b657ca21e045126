import { describe, expect, it } from 'vitest';
import {
  assetsOf,
  choose,
  found,
  fromQuery,
  noFilter,
  sorted,
  toFile,
  toQuery,
  windowOf,
  type Column,
} from '../src/lib/assets';
import { csv } from '../src/lib/csv';
import { forEach } from '../src/lib/many';
import type { Device } from '../src/lib/types';
import { group, light, network, state, t0 } from './make';

const fleet: Device[] = [
  light('a1', { position: { id: '1', name: 'Desk 10' }, groups: ['g1'], serial: 'S-77' }),
  light('b2', {
    position: { id: '2', name: 'Desk 2' },
    state: state('b2', { reachable: false, signal_dbm: -80 }),
  }),
  light('c3', {
    position: { id: '3', name: 'Door' },
    kind: 'sensor',
    state: state('c3', { on: null, level: null, power_w: null, battery_percent: 9 }),
  }),
  light('d4', {
    position: { id: '4', name: 'Stairs' },
    state: state('d4', { faults: ['lamp'], signal_dbm: -40 }),
  }),
  light('e5', { position: { id: '5', name: 'Yard' }, stage: 'waiting', state: null }),
];
const assets = assetsOf(fleet, [network(true, null)], [group('g1', 1, ['a1'], 'Office')]);
const names = (list: typeof assets) => list.map(({ name }) => name);

describe('found', () => {
  it.each([
    [{}, ['Desk 10', 'Desk 2', 'Door', 'Stairs', 'Yard']],
    [{ search: 'desk' }, ['Desk 10', 'Desk 2']],
    [{ search: 'OFFICE s-77' }, ['Desk 10']], // every word, anywhere in the row
    [{ search: 'b:2' }, ['Desk 2']], // an address as it is on the label
    [{ kind: 'sensor' as const }, ['Door']],
    [{ group: 'g1' }, ['Desk 10']],
    [{ network: 'n2' }, []],
    [{ trouble: 'fault' as const }, ['Stairs']],
    [{ trouble: 'offline' as const }, ['Desk 2']],
    [{ trouble: 'battery' as const }, ['Door']],
    [{ trouble: 'setup' as const }, ['Yard']],
    [{ trouble: 'any' as const }, ['Desk 2', 'Door', 'Stairs', 'Yard']],
  ])('%j', (filter, want) =>
    expect(names(found(assets, { ...noFilter, ...filter }, t0))).toEqual(want),
  );
});

describe('sorted', () => {
  it.each<[Column, boolean, string[]]>([
    ['name', false, ['Desk 2', 'Desk 10', 'Door', 'Stairs', 'Yard']],
    ['name', true, ['Yard', 'Stairs', 'Door', 'Desk 10', 'Desk 2']],
    // What is not known comes last, whichever way.
    ['signal', false, ['Desk 2', 'Stairs', 'Desk 10', 'Door', 'Yard']],
    ['signal', true, ['Stairs', 'Desk 2', 'Desk 10', 'Door', 'Yard']],
    ['faults', true, ['Stairs', 'Desk 2', 'Desk 10', 'Door', 'Yard']],
  ])('%s, down %s', (by, down, want) =>
    expect(names(sorted(assets, { by, down }, t0))).toEqual(want),
  );
});

it('selects one more, or all up to there', () => {
  const one = choose(new Set(), assets, 1, null);
  expect([...one]).toEqual(['b2']);
  expect([...choose(one, assets, 3, 1)]).toEqual(['b2', 'c3', 'd4']);
  expect([...choose(one, assets, 0, 1)].sort()).toEqual(['a1', 'b2']);
  expect([...choose(one, assets, 1, null)]).toEqual([]);
});

it.each([
  [5000, 0, 700, 0, 22],
  [5000, 44 * 100, 700, 94, 122],
  [5000, 44 * 4990, 700, 4984, 5000],
  [3, 44 * 4990, 700, 3, 3], // the list became shorter than where it was scrolled to
  [0, 0, 700, 0, 0],
])('draws of %i rows, %i px down in %i px, those from %i to %i', (n, at, height, first, end) =>
  expect(windowOf(n, 44, at, height)).toEqual({ first, end }),
);

it('says in the address what is shown, and reads it', () => {
  const filter = { ...noFilter, search: 'a&b =', trouble: 'fault' as const, network: 'n 1' };
  const sort = { by: 'burn' as const, down: true };
  expect(fromQuery(toQuery(filter, sort))).toEqual({ filter, sort });
  expect(toQuery(noFilter, { by: 'name', down: false })).toBe('');
  expect(fromQuery('?kind=x&trouble=y&sort=-z')).toEqual({
    filter: noFilter,
    sort: { by: 'name', down: false },
  });
});

it('writes files that spreadsheets read and do not run', () => {
  expect(
    csv([
      ['a', 1.5, null],
      ['x "y", z\n', '=1+1', '-5'],
      ['', -5, '@'],
    ]),
  ).toBe('a,1.5,\r\n"x ""y"", z\n",\'=1+1,\'-5\r\n,-5,\'@\r\n');
  const [head, first] = toFile(assets).split('\r\n');
  expect(head?.split(',').length).toBe(first?.split(',').length);
  expect(first).toContain('Desk 10,a1,luminaire,Ground floor,Office');
});

describe('forEach', () => {
  it('does all, a few at a time', async () => {
    let now = 0;
    let most = 0;
    const done: number[] = [];
    await forEach(
      Array.from({ length: 50 }, (_, i) => i),
      async (i) => {
        most = Math.max(most, ++now);
        await Promise.resolve();
        done.push(i);
        now--;
      },
      new AbortController().signal,
    );
    expect(done.length).toBe(50);
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(6);
  });

  it('ends at what goes wrong, and when it is stopped', async () => {
    const done: number[] = [];
    const control = new AbortController();
    const items = Array.from({ length: 50 }, (_, i) => i);
    const act = async (i: number) => {
      await Promise.resolve();
      if (i === 7) throw new Error('no');
      done.push(i);
    };
    await expect(forEach(items, act, control.signal)).rejects.toThrow('no');
    expect(done.length).toBeLessThan(20);
    control.abort();
    await forEach(items, () => Promise.reject(new Error('not stopped')), control.signal);
  });
});
