// Sentences about lights that are put together from their state. Pure.

import type { Track } from './commands';
import { ago, names, parseTime, percent } from './format';
import { output, type Summary } from './model';
import { strings } from './strings';
import type { Change, Device, LightState } from './types';

/** The confirmed output of a light: "64 %", "Off", "On" when its level is not known. */
export function sayOutput(state: LightState | null): string {
  if (!state || state.on === null) return strings.light.unknown;
  const level = output(state);
  if (level === null) return strings.light.on;
  return sayLevel(level);
}

export function sayLevel(permille: number): string {
  return permille === 0 ? strings.light.off : percent(permille);
}

export function sayChange(change: Change): string {
  if ('level' in change) return sayLevel(change.level);
  return change.on ? strings.light.on : strings.light.off;
}

/** When a light was last heard. */
export function sayHeard(device: Device, now: number): string {
  const heard = parseTime(device.state?.heard_at);
  return heard === null ? strings.light.neverHeard : strings.light.heard(ago(heard, now));
}

/** The level of several lights: one value, or how far they reach. */
export function sayRange(summary: Summary): string {
  if (summary.low === null || summary.high === null) return strings.light.unknown;
  if (percent(summary.low) === percent(summary.high)) return sayLevel(summary.high);
  return strings.group.range(sayLevel(summary.low), sayLevel(summary.high));
}

/** The result of an ended command: how many confirmed, and which not. */
export function sayResult(track: Track, missing: readonly string[]): string {
  switch (track.status) {
    case 'rejected':
      return track.problem ?? strings.command.noResult;
    case 'confirmed':
      return strings.command.confirmed(track.of);
    case 'expired':
      return strings.command.expired;
    case 'sending':
    case 'pending':
      return strings.command.sending(track.of);
    default:
      if (track.confirmed === 0) return strings.command.none(track.of);
      return strings.command.partial(track.confirmed, track.of, names(missing, 4));
  }
}
