import { describe, expect, it } from 'vitest';
import {
  accept,
  begin,
  forget,
  forgetRejected,
  latestFor,
  missOf,
  noTracks,
  outstanding,
  reject,
  requestedOf,
  update,
  type Track,
  type Tracks,
} from '../src/lib/commands';
import type { Outcome, Target } from '../src/lib/types';
import { command, t0 } from './make';

function only(tracks: Tracks): Track {
  const [track] = tracks.byTarget.values();
  if (!track) throw new Error('no track');
  return track;
}

const outcomes = (...list: [string, Outcome['status']][]): Outcome[] =>
  list.map(([eui64, status]) => ({ eui64, status }));

const ofLight: Target = { device: 'a' };
const ofGroup: Target = { group: 'g' };

describe('one light', () => {
  const sent = begin(noTracks, { serial: 1, target: ofLight, change: { on: true }, lights: ['a'] });

  it('is asked from the moment of sending until it confirms', () => {
    expect(requestedOf(sent, 'a')).toEqual({ on: true });
    expect(requestedOf(sent, 'b')).toBeNull();
    const taken = accept(sent, 1, command('c1'), t0);
    expect(requestedOf(taken, 'a')).toEqual({ on: true });
    const result = command('c1', {
      status: 'confirmed',
      confirmed: 1,
      outcomes: outcomes(['a', 'confirmed']),
    });
    const done = update(taken, result, t0 + 50);
    expect(requestedOf(done, 'a')).toBeNull();
    expect(missOf(done, 'a')).toBeNull();
    expect(only(done).endedAt).toBe(t0 + 50);
  });

  it('is not waited for when the result overtakes the answer to the request', () => {
    const result = command('c1', { status: 'confirmed', confirmed: 1 });
    const early = update(sent, result, t0);
    expect(early.early).toHaveLength(1);
    const done = accept(early, 1, command('c1'), t0);
    expect(only(done).status).toBe('confirmed');
    expect(done.early).toEqual([]);
  });

  it('misses when it does not confirm', () => {
    const taken = accept(sent, 1, command('c1'), t0);
    const result = command('c1', { status: 'failed', outcomes: outcomes(['a', 'refused']) });
    expect(missOf(update(taken, result, t0), 'a')).toBe('refused');
    const silent = command('c1', { status: 'expired', outcomes: null });
    expect(missOf(update(taken, silent, t0), 'a')).toBe('unconfirmed');
  });

  it('was not reached by a request that the server refused', () => {
    const refused = reject(sent, 1, 'The gateway is offline.', t0);
    expect(only(refused)).toMatchObject({ status: 'rejected', problem: 'The gateway is offline.' });
    expect(requestedOf(refused, 'a')).toBeNull();
    expect(missOf(refused, 'a')).toBeNull();
    expect(forgetRejected(refused).byTarget.size).toBe(0);
    expect(forgetRejected(sent).byTarget.size).toBe(1);
  });

  it('follows the newer of two requests and ignores the answers of the older', () => {
    const again = begin(sent, {
      serial: 2,
      target: ofLight,
      change: { level: 300 },
      lights: ['a'],
    });
    expect(accept(again, 1, command('c1'), t0)).toBe(again);
    expect(reject(again, 1, 'too late', t0)).toBe(again);
    const taken = accept(again, 2, command('c2'), t0);
    const old = update(taken, command('c1', { status: 'confirmed', confirmed: 1 }), t0);
    expect(requestedOf(old, 'a')).toEqual({ level: 300 });
  });

  it('stays ended: a message that comes again changes nothing', () => {
    const done = accept(sent, 1, command('c1', { status: 'confirmed', confirmed: 1 }), t0);
    expect(update(done, command('c1'), t0)).toBe(done);
  });
});

describe('a group', () => {
  const sent = accept(
    begin(noTracks, {
      serial: 1,
      target: ofGroup,
      change: { level: 600 },
      lights: ['a', 'b', 'c'],
    }),
    1,
    command('c1', { of: 3 }),
    t0,
  );

  it('asks all its lights, and those that confirmed are no longer waited for', () => {
    expect(requestedOf(sent, 'b')).toEqual({ level: 600 });
    const halfway = update(
      sent,
      command('c1', { confirmed: 1, of: 3, outcomes: outcomes(['b', 'confirmed']) }),
      t0,
    );
    expect(requestedOf(halfway, 'b')).toBeNull();
    expect(requestedOf(halfway, 'a')).toEqual({ level: 600 });
  });

  const partial = update(
    sent,
    command('c1', {
      status: 'partial',
      confirmed: 2,
      of: 3,
      outcomes: outcomes(['a', 'confirmed'], ['b', 'confirmed'], ['c', 'unconfirmed']),
    }),
    t0,
  );

  it('names the lights that did not confirm', () => {
    expect(outstanding(partial, only(partial))).toEqual(['c']);
    expect(missOf(partial, 'c')).toBe('unconfirmed');
    expect(missOf(partial, 'a')).toBeNull();
  });

  it('no longer names a light that was asked again', () => {
    const again = begin(partial, {
      serial: 2,
      target: { device: 'c' },
      change: { level: 600 },
      lights: ['c'],
    });
    const track = again.byTarget.get('group/g');
    expect(track && outstanding(again, track)).toEqual([]);
    expect(latestFor(again, 'c')?.serial).toBe(2);
    expect(latestFor(again, 'a')?.serial).toBe(1);
  });

  it('is forgotten when dismissed', () => {
    expect(missOf(forget(partial, 1), 'c')).toBeNull();
    expect(forget(partial, 7)).toBe(partial);
  });
});

it('keeps few early results, and none when nothing is being sent', () => {
  expect(update(noTracks, command('x'), t0)).toBe(noTracks);
  let tracks = begin(noTracks, { serial: 1, target: ofLight, change: { on: true }, lights: ['a'] });
  for (let i = 0; i < 100; i++) tracks = update(tracks, command(`c${i}`), t0);
  expect(tracks.early).toHaveLength(64);
  expect(tracks.early.at(-1)?.id).toBe('c99');
});
