import { describe, expect, it } from 'vitest';
import {
  absent,
  applyConfirmed,
  applyPresence,
  applyState,
  freshness,
  mayControl,
  mayControlGroup,
  mayControlLight,
  mergeDevice,
  mergeNetworks,
  mergeState,
  output,
  sections,
  staleAfterMs,
  summarise,
} from '../src/lib/model';
import type { Action } from '../src/lib/types';
import { at, group, light, network, state, t0 } from './make';

describe('merging of states', () => {
  it('never lets an older message replace a newer one', () => {
    const now = light('a', { state: state('a', { at: at(5), level: 700 }) });
    expect(applyState(now, state('a', { at: at(4), level: 100 })).state?.level).toBe(700);
    expect(applyState(now, state('a', { at: at(6), level: 100 })).state?.level).toBe(100);
  });

  it('keeps a live state that is newer than the snapshot, and all else of the snapshot', () => {
    const known = light('a', { state: state('a', { at: at(5), level: 700 }) });
    const snapshot = light('a', { model: 'new', state: state('a', { at: at(3), level: 100 }) });
    expect(mergeDevice(known, snapshot)).toMatchObject({ model: 'new', state: { level: 700 } });
    expect(mergeDevice(known, light('a', { state: null })).state?.level).toBe(700);
    expect(mergeDevice(undefined, snapshot)).toBe(snapshot);
  });

  it('ends the same in every order of arrival', () => {
    const states = [3, 1, 2].map((s) => state('a', { at: at(s), level: s * 100 }));
    for (const order of [
      [0, 1, 2],
      [0, 2, 1],
      [1, 0, 2],
      [1, 2, 0],
      [2, 0, 1],
      [2, 1, 0],
    ]) {
      const end = order.reduce(
        (device, i) => applyState(device, states[i] ?? state('a')),
        light('a', { state: null }),
      );
      expect(end.state?.level).toBe(300);
    }
  });

  it('merges each part by its own time', () => {
    const known = state('a', {
      at: at(5),
      level: 700,
      power_at: at(1),
      power_w: 1,
      heard_at: at(5),
    });
    const incoming = state('a', {
      at: at(4),
      level: 100,
      power_at: at(6),
      power_w: 6,
      heard_at: at(6),
    });
    expect(mergeState(known, incoming)).toMatchObject({ level: 700, power_w: 6, heard_at: at(6) });
    expect(mergeState(incoming, known)).toMatchObject({ level: 700, power_w: 6, heard_at: at(6) });
    const never = state('a', { at: null, on: null, level: null });
    expect(mergeState(known, never)).toMatchObject({ at: at(5), level: 700 });
    expect(mergeState(never, known)).toMatchObject({ at: at(5), level: 700 });
  });

  it('tells which devices are gone', () => {
    expect(absent(['a', 'b'], [light('b'), light('c')])).toEqual(['a']);
  });
});

describe('presence of gateways', () => {
  it('follows the later change alone, live or in a snapshot', () => {
    const online = [network(true, at(10))];
    const gone = applyPresence(online, { eui64: 'gw', online: false, since: at(20) });
    expect(gone[0]?.gateway?.online).toBe(false);
    const late = applyPresence(gone, { eui64: 'gw', online: true, since: at(10) });
    expect(late[0]?.gateway?.online).toBe(false);
    expect(mergeNetworks(gone, online)[0]?.gateway?.online).toBe(false);
    expect(mergeNetworks(online, gone)[0]?.gateway?.online).toBe(false);
  });
});

describe('confirmed changes', () => {
  const before = light('a', { state: state('a', { at: at(1), on: false, level: 500 }) });

  it('shows what the light confirmed before its state arrives', () => {
    expect(applyConfirmed(before, { level: 800 }, at(2)).state).toMatchObject({
      on: true,
      level: 800,
    });
    expect(applyConfirmed(before, { on: true }, at(2)).state).toMatchObject({
      on: true,
      level: 500,
    });
  });

  it('leaves a newer state, and the exact level of a state that differs by rounding', () => {
    expect(applyConfirmed(before, { on: true }, at(0))).toBe(before);
    const exact = light('a', { state: state('a', { at: at(1), on: true, level: 498 }) });
    expect(applyConfirmed(exact, { level: 500 }, at(2))).toBe(exact);
  });

  it('keeps the remembered level when a light goes off', () => {
    const on = light('a', { state: state('a', { at: at(1), level: 640 }) });
    expect(applyConfirmed(on, { level: 0 }, at(2)).state).toMatchObject({ on: false, level: 640 });
  });
});

describe('what a state is worth', () => {
  it('is output 0 when off and unknown when not reported', () => {
    expect(output(state('a', { on: false, level: 500 }))).toBe(0);
    expect(output(state('a', { on: null }))).toBeNull();
    expect(output(null)).toBeNull();
  });

  it('grows old', () => {
    const device = light('a');
    expect(freshness(device, t0 + staleAfterMs)).toBe('fresh');
    expect(freshness(device, t0 + staleAfterMs + 1)).toBe('stale');
    const away = light('a', { state: state('a', { reachable: false }) });
    expect(freshness(away, t0)).toBe('unreachable');
    expect(freshness(light('a', { state: null }), t0)).toBe('never');
  });
});

describe('totals', () => {
  it('count what is known and say of how many', () => {
    const summary = summarise(
      [
        light('a', { state: state('a', { level: 1000, power_w: 36 }) }),
        light('b', { state: state('b', { on: false, power_w: 0.5 }) }),
        light('c', { state: state('c', { reachable: false, power_w: 20 }) }),
        light('d', { state: null, stage: 'waiting' }),
      ],
      t0,
    );
    expect(summary).toMatchObject({
      lights: 4,
      on: 2,
      answering: 2,
      configured: 3,
      powerW: 36.5,
      measured: 2,
      low: 0,
      high: 1000,
      mean: 500,
    });
  });

  it('of nothing are nothing', () => {
    expect(summarise([], t0)).toMatchObject({ lights: 0, powerW: null, low: null, mean: null });
  });
});

describe('sections', () => {
  it('list each light once, in its group of lowest number, but command all of a group', () => {
    const cards = sections(
      [group('floor', 2, ['a', 'b'], 'Floor'), group('desk', 1, ['b'], 'Desk')],
      [light('a'), light('b'), light('c'), light('s', { kind: 'sensor' })],
    );
    const seen = cards.map((card) => [
      card.group?.name ?? null,
      card.lights.map(({ eui64 }) => eui64),
      card.listed.map(({ eui64 }) => eui64),
    ]);
    expect(seen).toEqual([
      ['Desk', ['b'], ['b']],
      ['Floor', ['a', 'b'], ['a']],
      [null, ['c'], ['c']],
    ]);
  });

  it('ignore members that are not there', () => {
    expect(sections([group('g', 1, ['gone'])], [])[0]?.lights).toEqual([]);
  });
});

describe('what somebody may control', () => {
  const rights = (actions: Action[], granted_groups: string[] = []) => ({
    actions,
    granted_groups,
  });
  const hall = light('h', { groups: ['other', 'hall'] });

  it('is every light for who controls them all', () => {
    const owner = rights(['lights.control', 'lights.control-granted']);
    expect(mayControl(owner)).toBe(true);
    expect(mayControlGroup(owner, 'hall')).toBe(true);
    expect(mayControlLight(owner, light('x'))).toBe(true);
  });

  it('is what was granted to a user, one by one too, and nothing else', () => {
    const user = rights(['lights.control-granted'], ['hall']);
    expect(mayControl(user)).toBe(true);
    expect(mayControlGroup(user, 'hall')).toBe(true);
    expect(mayControlLight(user, hall)).toBe(true);
    expect(mayControlGroup(user, 'other')).toBe(false);
    expect(mayControlLight(user, light('x', { groups: ['other'] }))).toBe(false);
    expect(mayControlLight(user, light('x'))).toBe(false);
  });

  it('is nothing without a grant, for who only looks, and before it is known', () => {
    expect(mayControl(rights(['lights.control-granted']))).toBe(false);
    expect(mayControlLight(rights(['project.read'], ['hall']), hall)).toBe(false);
    expect(mayControlLight(null, hall)).toBe(false);
  });
});
