// What a project is made of on the screen, and how news of it is merged. Pure.
//
// A snapshot (HTTP) and live messages (MQTT) arrive in any order. What is confirmed,
// what is measured and when a light was heard carry a time each, and nothing ever
// replaces something newer.

import { byName, parseTime } from './format';
import type {
  Change,
  Device,
  Gateway,
  GatewayPresence,
  Group,
  LightState,
  Network,
  Project,
} from './types';

/**
 * From this age on a light's state is shown as old, in milliseconds. The gateway asks
 * a light that was quiet for 150 s, and tells at least every 60 s when it was heard
 * (gateway/network, presence.go); half a minute is added for the way of that news.
 */
export const staleAfterMs = 240_000;

export type Freshness = 'fresh' | 'stale' | 'unreachable' | 'never';

/** The newest of each part of two states of one light. Of two of the same age, incoming. */
export function mergeState(known: LightState | null, incoming: LightState): LightState {
  if (!known) return incoming;
  const confirmed = isNewer(known.at, incoming.at) ? known : incoming;
  const measured = isNewer(known.power_at, incoming.power_at) ? known : incoming;
  return {
    ...confirmed,
    heard_at: isNewer(known.heard_at, incoming.heard_at) ? known.heard_at : incoming.heard_at,
    power_w: measured.power_w,
    power_at: measured.power_at,
  };
}

/** Reports whether a is a later time than b; no time is earlier than all. */
function isNewer(a: string | null, b: string | null): boolean {
  return (parseTime(a) ?? -Infinity) > (parseTime(b) ?? -Infinity);
}

/** The device of a snapshot, with what was already known of its state and is newer. */
export function mergeDevice(known: Device | undefined, snapshot: Device): Device {
  const state = known?.state;
  if (!state) return snapshot;
  return { ...snapshot, state: snapshot.state ? mergeState(state, snapshot.state) : state };
}

/** The known devices that a snapshot has no more. */
export function absent(known: Iterable<string>, snapshot: readonly Device[]): string[] {
  const present = new Set(snapshot.map((device) => device.eui64));
  return [...known].filter((eui64) => !present.has(eui64));
}

/** The device with what is new in a live state. */
export function applyState(device: Device, state: LightState): Device {
  return { ...device, state: mergeState(device.state, state) };
}

/** A difference of levels, in per mille, that is only the rounding on the way to the light. */
const roundingPermille = 10;

/**
 * The device after it confirmed a change: the result of a command can come before
 * the message with the state that confirms it, and says the same. A state that is
 * newer than the result, or that differs only by rounding, stays.
 */
export function applyConfirmed(device: Device, change: Change, endedAt: string | null): Device {
  const state = device.state;
  if (!state || isNewer(state.at, endedAt)) return device;
  const on = 'on' in change ? change.on : change.level > 0;
  const level = 'level' in change && on ? change.level : state.level;
  const near = level === null || Math.abs((state.level ?? -1000) - level) <= roundingPermille;
  if (state.on === on && near) return device;
  return { ...device, state: { ...state, on, level: near ? state.level : level } };
}

/** The networks with the presence of one gateway brought up to date. */
export function applyPresence(networks: Network[], presence: GatewayPresence): Network[] {
  return networks.map((network) => {
    const gateway = network.gateway;
    if (!gateway || gateway.eui64 !== presence.eui64 || !isLater(gateway, presence)) return network;
    return { ...network, gateway: { ...gateway, online: presence.online, since: presence.since } };
  });
}

/** The networks of a snapshot, each with the newer of the two presences of its gateway. */
export function mergeNetworks(known: Network[], snapshot: Network[]): Network[] {
  return known.reduce(
    (networks, { gateway }) => (gateway ? applyPresence(networks, gateway) : networks),
    snapshot,
  );
}

function isLater(known: Gateway, presence: GatewayPresence): boolean {
  return isNewer(presence.since, known.since);
}

/** The light output that a state means, in per mille: 0 when off, null when unknown. */
export function output(state: LightState | null): number | null {
  if (!state || state.on === null) return null;
  if (!state.on) return 0;
  return state.level;
}

/** How far a device's state can be trusted at the time now (ms UTC). */
export function freshness(device: Device, now: number): Freshness {
  const heard = parseTime(device.state?.heard_at);
  if (!device.state || heard === null) return 'never';
  if (!device.state.reachable) return 'unreachable';
  return now - heard > staleAfterMs ? 'stale' : 'fresh';
}

/** The name that people gave its position, else the end of its address. */
export function nameOf(device: Device): string {
  return device.position?.name || device.eui64.slice(-8).toUpperCase();
}

export interface Summary {
  lights: number;
  on: number;
  /** Lights that answer: heard lately and not called unreachable by the gateway. */
  answering: number;
  configured: number;
  /** Sum over the lights that are reachable and report power; null when none does. */
  powerW: number | null;
  /** How many lights the sum is of. */
  measured: number;
  /** The lowest and highest output of the lights whose output is known. */
  low: number | null;
  high: number | null;
  /** Mean output, per mille, of the lights whose output is known. */
  mean: number | null;
}

/** The totals of some lights. */
export function summarise(lights: readonly Device[], now: number): Summary {
  let on = 0;
  let answering = 0;
  let configured = 0;
  let power = 0;
  let measured = 0;
  const outputs: number[] = [];
  for (const light of lights) {
    if (light.stage === 'configured') configured++;
    if (light.state?.on) on++;
    if (freshness(light, now) === 'fresh') answering++;
    const level = output(light.state);
    if (level !== null) outputs.push(level);
    if (light.state?.reachable && light.state.power_w !== null) {
      power += light.state.power_w;
      measured++;
    }
  }
  const known = outputs.length > 0;
  return {
    lights: lights.length,
    on,
    answering,
    configured,
    powerW: measured > 0 ? power : null,
    measured,
    low: known ? Math.min(...outputs) : null,
    high: known ? Math.max(...outputs) : null,
    mean: known ? outputs.reduce((sum, level) => sum + level, 0) / outputs.length : null,
  };
}

/** A group as a card: all that it controls, and what is listed in this card. */
export interface Section {
  /** Null for the lights that are in no group. */
  group: Group | null;
  /** Every light that a command to the group is for. */
  lights: Device[];
  /** The lights listed here: each light is listed once, in its group of lowest number. */
  listed: Device[];
}

/** Sorts the lights of a project into cards by group. */
export function sections(groups: readonly Group[], devices: Iterable<Device>): Section[] {
  const lights = new Map<string, Device>();
  for (const device of devices) {
    if (device.kind === 'luminaire') lights.set(device.eui64, device);
  }
  const home = new Map<string, string>();
  for (const group of [...groups].sort((a, b) => a.number - b.number)) {
    for (const eui64 of group.devices) {
      if (!home.has(eui64)) home.set(eui64, group.id);
    }
  }
  const cards = [...groups]
    .sort((a, b) => byName(a.name, b.name) || a.number - b.number)
    .map((group): Section => {
      const members = group.devices.flatMap((eui64) => lights.get(eui64) ?? []).sort(byPosition);
      return {
        group,
        lights: members,
        listed: members.filter((light) => home.get(light.eui64) === group.id),
      };
    });
  const loose = [...lights.values()].filter((light) => !home.has(light.eui64)).sort(byPosition);
  if (loose.length > 0) cards.push({ group: null, lights: loose, listed: loose });
  return cards;
}

function byPosition(a: Device, b: Device): number {
  return byName(nameOf(a), nameOf(b)) || byName(a.eui64, b.eui64);
}

/** What is asked of a project to know what may be controlled in it. */
type Rights = Pick<Project, 'actions' | 'granted_groups'>;

// The server decides; these only spare people switches that it would refuse.

/** Whether somebody may switch and dim anything in a project. */
export function mayControl(project: Rights | null): boolean {
  if (!project) return false;
  if (project.actions.includes('lights.control')) return true;
  return project.actions.includes('lights.control-granted') && project.granted_groups.length > 0;
}

/** Whether somebody may switch and dim a group as one. */
export function mayControlGroup(project: Rights | null, group: string): boolean {
  return mayControlAny(project, [group]);
}

/** Whether somebody may switch and dim a light: by one of its groups, when not all. */
export function mayControlLight(project: Rights | null, light: Device): boolean {
  return mayControlAny(project, light.groups);
}

function mayControlAny(project: Rights | null, groups: readonly string[]): boolean {
  if (!project || !mayControl(project)) return false;
  if (project.actions.includes('lights.control')) return true;
  return groups.some((group) => project.granted_groups.includes(group));
}
