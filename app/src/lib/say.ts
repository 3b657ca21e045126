// Sentences about lights that are put together from their state. Pure.

import type { Track } from './commands';
import { lowBattery, type Asset } from './assets';
import { ago, names, parseTime, percent, watts, whole } from './format';
import { freshness, output, type Freshness, type Summary } from './model';
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

/** What the list of devices says of one; "–" where nothing is known. */
export interface AssetWords {
  kind: string;
  groups: string;
  rated: string;
  state: string;
  tone: 'bad' | 'dim' | '';
  power: string;
  faults: string;
  link: string;
  battery: string;
  low: boolean;
  burn: string;
  heard: string;
}

export function sayAsset({ device, groups, ratedW }: Asset, now: number): AssetWords {
  const state = device.state;
  const text = strings.devices;
  const fresh = freshness(device, now);
  const battery = state?.battery_percent ?? null;
  const heard = parseTime(state?.heard_at);
  return {
    kind: strings.kinds[device.kind],
    groups: groups.join(', '),
    rated: ratedW === null ? '–' : watts(ratedW),
    ...sayStanding(device, fresh),
    power: state?.power_w == null || fresh === 'unreachable' ? '–' : watts(state.power_w),
    faults: sayFaults(state),
    link: sayLink(state),
    battery: battery === null ? '–' : percent(battery * 10),
    low: battery !== null && battery <= lowBattery,
    burn: state?.burn_hours == null ? '–' : text.hours(whole(state.burn_hours)),
    heard: heard === null ? '–' : ago(heard, now),
  };
}

function sayStanding(device: Device, fresh: Freshness): Pick<AssetWords, 'state' | 'tone'> {
  if (device.stage !== 'configured') {
    return {
      state: strings.setup.short[device.stage],
      tone: device.stage === 'failed' ? 'bad' : 'dim',
    };
  }
  if (fresh === 'unreachable') return { state: strings.light.unreachable, tone: 'bad' };
  if (fresh === 'never') return { state: strings.light.neverHeard, tone: 'dim' };
  if (device.kind !== 'luminaire') return { state: strings.devices.answers, tone: '' };
  return { state: sayOutput(device.state), tone: device.state?.on ? '' : 'dim' };
}

/** What is wrong with a device by its own word; "" for nothing. */
export function sayFaults(state: LightState | null): string {
  return (state?.faults ?? []).map((fault) => strings.devices.fault[fault] ?? fault).join(', ');
}

/** How well a device hears and is heard. */
export function sayLink(state: LightState | null): string {
  const parts = [
    state?.signal_dbm == null ? '' : strings.devices.dbm(whole(state.signal_dbm)),
    state?.link_quality == null ? '' : strings.devices.lqi(whole(state.link_quality)),
  ].filter(Boolean);
  return parts.join(', ') || '–';
}
