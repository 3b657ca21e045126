// Commands as this screen follows them: what was asked, of which lights, and what
// the lights confirmed. Pure: every function returns new tracks.
//
// One track is kept for each target (a light or a group): a newer request to the
// same target replaces the older one, whose result no longer interests anybody.

import type { Change, Command, OutcomeStatus, Target } from './types';

export type TrackStatus = 'sending' | Command['status'] | 'rejected';

export interface Track {
  key: string;
  /** Grows with every request of this screen: the greater one is the later one. */
  serial: number;
  target: Target;
  change: Change;
  /** The lights it is for, as known when it was asked. */
  lights: readonly string[];
  status: TrackStatus;
  id: string | null;
  confirmed: number;
  of: number;
  outcomes: ReadonlyMap<string, OutcomeStatus>;
  /** Why the server did not take it, when it is rejected. */
  problem: string | null;
  /** When this screen learnt that it ended (ms UTC); null while it runs. */
  endedAt: number | null;
}

export interface Tracks {
  byTarget: ReadonlyMap<string, Track>;
  /**
   * Results that came before the answer which names their command: the live
   * message can overtake the HTTP response. Oldest first, bounded.
   */
  early: readonly Command[];
}

const maxEarly = 64;

export const noTracks: Tracks = { byTarget: new Map(), early: [] };

export function keyOf(target: Target): string {
  return 'device' in target ? `device/${target.device}` : `group/${target.group}`;
}

export function isRunning(track: Track): boolean {
  return track.status === 'sending' || track.status === 'pending';
}

/** It ended, and not as asked. */
export function isMissed(track: Track): boolean {
  return !isRunning(track) && track.status !== 'confirmed';
}

/** Begins to follow a request. */
export function begin(
  tracks: Tracks,
  request: { serial: number; target: Target; change: Change; lights: readonly string[] },
): Tracks {
  return put(tracks, {
    ...request,
    key: keyOf(request.target),
    status: 'sending',
    id: null,
    confirmed: 0,
    of: request.lights.length,
    outcomes: new Map(),
    problem: null,
    endedAt: null,
  });
}

/** The server took the request and named it. */
export function accept(tracks: Tracks, serial: number, command: Command, now: number): Tracks {
  const track = bySerial(tracks, serial);
  if (!track) return tracks;
  const early = tracks.early.find((known) => known.id === command.id);
  return put(
    { ...tracks, early: tracks.early.filter((known) => known.id !== command.id) },
    progress({ ...track, id: command.id }, early ?? command, now),
  );
}

/** The server did not take the request, or could not be reached. */
export function reject(tracks: Tracks, serial: number, problem: string, now: number): Tracks {
  const track = bySerial(tracks, serial);
  if (!track) return tracks;
  return put(tracks, { ...track, status: 'rejected', problem, endedAt: now });
}

/** News of a command, of this screen or of another one. */
export function update(tracks: Tracks, command: Command, now: number): Tracks {
  for (const track of tracks.byTarget.values()) {
    if (track.id === command.id) {
      return isRunning(track) ? put(tracks, progress(track, command, now)) : tracks;
    }
  }
  const waiting = [...tracks.byTarget.values()].some((track) => track.status === 'sending');
  if (!waiting) return tracks;
  const others = tracks.early.filter((known) => known.id !== command.id);
  return { ...tracks, early: [...others, command].slice(-maxEarly) };
}

/** Stops to follow a target, if its latest request is still the given one. */
export function forget(tracks: Tracks, serial: number): Tracks {
  const track = bySerial(tracks, serial);
  if (!track) return tracks;
  const byTarget = new Map(tracks.byTarget);
  byTarget.delete(track.key);
  return { ...tracks, byTarget };
}

/** Stops to follow what the server did not take, when the reason for that is gone. */
export function forgetRejected(tracks: Tracks): Tracks {
  const kept = [...tracks.byTarget].filter(([, track]) => track.status !== 'rejected');
  return { ...tracks, byTarget: new Map(kept) };
}

/** The latest request that concerns a light, its own or one to a group it is in. */
export function latestFor(tracks: Tracks, light: string): Track | null {
  let latest: Track | null = null;
  for (const track of tracks.byTarget.values()) {
    if (track.lights.includes(light) && (!latest || track.serial > latest.serial)) latest = track;
  }
  return latest;
}

/**
 * What is asked of a light and not confirmed by it yet, or null. In a running group
 * command a light that has already confirmed is no longer waited for.
 */
export function requestedOf(tracks: Tracks, light: string): Change | null {
  const track = latestFor(tracks, light);
  if (!track || !isRunning(track) || track.outcomes.get(light) === 'confirmed') return null;
  return track.change;
}

/** How the latest request failed at a light, or null. Rejected requests reached none. */
export function missOf(tracks: Tracks, light: string): OutcomeStatus | null {
  const track = latestFor(tracks, light);
  if (!track || isRunning(track) || track.status === 'rejected') return null;
  const outcome = track.outcomes.get(light);
  if (!outcome) return track.status === 'confirmed' ? null : 'unconfirmed';
  return outcome === 'confirmed' ? null : outcome;
}

/**
 * The lights of an ended track that did not confirm and of which nothing was asked
 * since, in the order in which the track lists them.
 */
export function outstanding(tracks: Tracks, track: Track): string[] {
  if (!isMissed(track)) return [];
  return track.lights.filter(
    (light) =>
      track.outcomes.get(light) !== 'confirmed' &&
      latestFor(tracks, light)?.serial === track.serial,
  );
}

function progress(track: Track, command: Command, now: number): Track {
  return {
    ...track,
    endedAt: command.status === 'pending' ? null : now,
    status: command.status,
    confirmed: command.confirmed,
    of: command.of,
    outcomes: new Map((command.outcomes ?? []).map(({ eui64, status }) => [eui64, status])),
  };
}

function bySerial(tracks: Tracks, serial: number): Track | undefined {
  return [...tracks.byTarget.values()].find((track) => track.serial === serial);
}

function put(tracks: Tracks, track: Track): Tracks {
  return { ...tracks, byTarget: new Map(tracks.byTarget).set(track.key, track) };
}
