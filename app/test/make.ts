// Makes the things that tests are about, each with only what matters said by the test.

import type {
  Command,
  Device,
  Group,
  LightState,
  LogEntry,
  Member,
  Network,
} from '../src/lib/types';

export const t0 = Date.parse('2026-03-02T09:00:00Z');

/** The time some seconds after t0, as the API writes it. */
export function at(seconds: number): string {
  return new Date(t0 + seconds * 1000).toISOString();
}

export function state(eui64: string, change: Partial<LightState> = {}): LightState {
  return {
    eui64,
    at: at(0),
    reachable: true,
    heard_at: at(0),
    on: true,
    level: 500,
    cause: 'command',
    power_w: 18,
    power_at: at(0),
    ...change,
  };
}

export function light(eui64: string, change: Partial<Device> = {}): Device {
  return {
    eui64,
    kind: 'luminaire',
    model: 'L',
    serial: 'S',
    network_id: 'n1',
    position: { id: `p-${eui64}`, name: `Light ${eui64}` },
    groups: [],
    stage: 'configured',
    state: state(eui64),
    ...change,
  };
}

export function group(id: string, number: number, devices: string[], name = `Group ${id}`): Group {
  return { id, name, network_id: 'n1', number, devices };
}

export function network(online: boolean, since: string | null): Network {
  return {
    id: 'n1',
    name: 'Ground floor',
    channel: 15,
    pan_id: 0x1a62,
    extended_pan_id: null,
    gateway: { eui64: 'gw', model: 'G', firmware: '1', online, since },
  };
}

export function command(id: string, change: Partial<Command> = {}): Command {
  return {
    id,
    target: {},
    fade_ms: 0,
    status: 'pending',
    confirmed: 0,
    of: 1,
    outcomes: [],
    created_at: at(0),
    ended_at: null,
    ...change,
  };
}

export function member(id: string, change: Partial<Member> = {}): Member {
  return {
    account_id: id,
    name: id,
    email: `${id}@example.org`,
    role: 'user',
    groups: [],
    ...change,
  };
}

export function logEntry(change: Partial<LogEntry> = {}): LogEntry {
  return {
    number: 1,
    at: at(0),
    who: 'account:ada',
    origin: 'session:1',
    action: 'group.made',
    target: 'group:g1',
    detail: '',
    result: 'done',
    digest: '00',
    ...change,
  };
}
