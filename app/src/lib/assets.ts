// The devices of a project as rows of a list that is searched, filtered and sorted. Pure.

import { csv } from './csv';
import { byName, parseTime } from './format';
import { freshness, nameOf, output, type Freshness } from './model';
import type { Device, DeviceKind, Group, Network } from './types';

/** A device with what stands beside it in the list: looked up once, not at each comparison. */
export interface Asset {
  device: Device;
  name: string;
  network: string;
  groups: string[];
  model: string;
  firmware: string;
  serial: string;
  ratedW: number | null;
  /** What a search looks through, in lower case. */
  words: string;
}

export const columns = [
  'name',
  'kind',
  'network',
  'groups',
  'model',
  'firmware',
  'serial',
  'rated',
  'state',
  'power',
  'faults',
  'signal',
  'battery',
  'burn',
  'heard',
] as const;

export type Column = (typeof columns)[number];

export interface Sort {
  by: Column;
  down: boolean;
}

export type Trouble = 'any' | 'fault' | 'offline' | 'battery' | 'setup';

/** What is looked for; "" is everything. */
export interface Filter {
  search: string;
  kind: DeviceKind | '';
  network: string;
  group: string;
  trouble: Trouble | '';
}

export const noFilter: Filter = { search: '', kind: '', network: '', group: '', trouble: '' };

/** From this charge down a battery is low, in per cent: the limit of the rule of alerts. */
export const lowBattery = 15;

export function assetsOf(
  devices: readonly Device[],
  networks: readonly Network[],
  groups: readonly Group[],
): Asset[] {
  const networkNames = new Map(networks.map(({ id, name }) => [id, name]));
  const groupNames = new Map(groups.map(({ id, name }) => [id, name]));
  return devices.map((device) => {
    const asset: Omit<Asset, 'words'> = {
      device,
      name: nameOf(device),
      network: networkNames.get(device.network_id) ?? '',
      groups: device.groups.flatMap((id) => groupNames.get(id) ?? []).sort(byName),
      model: device.asset?.model || device.model,
      firmware: device.asset?.firmware ?? '',
      serial: device.asset?.serial || device.serial,
      ratedW: device.asset?.rated_power_w || null,
    };
    const words = [
      asset.name,
      device.eui64,
      asset.network,
      ...asset.groups,
      asset.model,
      device.asset?.manufacturer ?? '',
      asset.firmware,
      asset.serial,
    ];
    return { ...asset, words: words.join('\n').toLowerCase() };
  });
}

/** What is wrong with a device, the most pressing first; none for one that is well. */
export function troublesOf(device: Device, now: number): Trouble[] {
  const troubles: Trouble[] = [];
  if ((device.state?.faults ?? []).length > 0) troubles.push('fault');
  if (device.stage !== 'configured') troubles.push('setup');
  else if (isAway(freshness(device, now))) troubles.push('offline');
  const battery = device.state?.battery_percent ?? null;
  if (battery !== null && battery <= lowBattery) troubles.push('battery');
  return troubles;
}

/** A device with a battery sleeps: only the gateway can tell that it is away. */
function isAway(fresh: Freshness): boolean {
  return fresh === 'unreachable' || fresh === 'never';
}

/** The assets that are looked for. Every word of the search has to be somewhere in the row. */
export function found(assets: readonly Asset[], filter: Filter, now: number): Asset[] {
  const words = filter.search.toLowerCase().replaceAll(':', '').split(/\s+/).filter(Boolean);
  return assets.filter(({ device, words: text }) => {
    if (filter.kind && device.kind !== filter.kind) return false;
    if (filter.network && device.network_id !== filter.network) return false;
    if (filter.group && !device.groups.includes(filter.group)) return false;
    if (!words.every((word) => text.includes(word))) return false;
    if (!filter.trouble) return true;
    const troubles = troublesOf(device, now);
    return filter.trouble === 'any' ? troubles.length > 0 : troubles.includes(filter.trouble);
  });
}

type Value = string | number | null;

/** What a column is sorted by. */
function valueOf(asset: Asset, column: Column, now: number): Value {
  const { device } = asset;
  const { state } = device;
  switch (column) {
    case 'name':
      return asset.name;
    case 'kind':
      return device.kind;
    case 'network':
      return asset.network;
    case 'groups':
      return asset.groups.join(' ');
    case 'model':
      return asset.model;
    case 'firmware':
      return asset.firmware;
    case 'serial':
      return asset.serial;
    case 'rated':
      return asset.ratedW;
    case 'state':
      return device.stage !== 'configured' || isAway(freshness(device, now)) ? -1 : output(state);
    case 'power':
      return state?.power_w ?? null;
    case 'faults':
      return (state?.faults ?? []).length || null;
    case 'signal':
      return state?.signal_dbm ?? null;
    case 'battery':
      return state?.battery_percent ?? null;
    case 'burn':
      return state?.burn_hours ?? null;
    case 'heard':
      return parseTime(state?.heard_at);
  }
}

/** The assets in order. What is not known comes last, whichever way; names decide between equals. */
export function sorted(assets: readonly Asset[], { by, down }: Sort, now: number): Asset[] {
  const sign = down ? -1 : 1;
  return assets
    .map((asset) => ({ asset, value: valueOf(asset, by, now) }))
    .sort(
      (a, b) =>
        compare(a.value, b.value, sign) ||
        byName(a.asset.name, b.asset.name) ||
        byName(a.asset.device.eui64, b.asset.device.eui64),
    )
    .map(({ asset }) => asset);
}

function compare(a: Value, b: Value, sign: number): number {
  const [noA, noB] = [a === null || a === '', b === null || b === ''];
  if (noA || noB) return Number(noA) - Number(noB);
  if (typeof a === 'number' && typeof b === 'number') return sign * (a - b);
  return sign * byName(String(a), String(b));
}

/** What is chosen after one row more: alone, or with all from the row chosen last to it. */
export function choose(
  chosen: ReadonlySet<string>,
  rows: readonly Asset[],
  row: number,
  from: number | null,
): Set<string> {
  const next = new Set(chosen);
  const id = (i: number) => rows[i]?.device.eui64 ?? '';
  if (from === null) {
    if (!next.delete(id(row))) next.add(id(row));
    return next;
  }
  for (let i = Math.min(from, row); i <= Math.max(from, row); i++) next.add(id(i));
  return next;
}

/** The rows that are drawn: those in sight, and a few more on either side. */
export function windowOf(
  count: number,
  rowHeight: number,
  scrolled: number,
  height: number,
  more = 6,
): { first: number; end: number } {
  const first = Math.max(0, Math.floor(scrolled / rowHeight) - more);
  const end = Math.min(count, Math.ceil((scrolled + height) / rowHeight) + more);
  return { first: Math.min(first, count), end: Math.max(end, Math.min(first, count)) };
}

/** What an address says of the filter and the order, for links and the Back button. */
export function toQuery(filter: Filter, sort: Sort): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(filter)) if (value) params.set(name, String(value));
  if (sort.by !== 'name' || sort.down) params.set('sort', (sort.down ? '-' : '') + sort.by);
  return params.size > 0 ? `?${params}` : '';
}

/** Reads what [toQuery] wrote. What is not known there is ignored. */
export function fromQuery(query: string): { filter: Filter; sort: Sort } {
  const params = new URLSearchParams(query);
  const one = <T extends string>(name: string, of: readonly T[]): T | '' =>
    of.find((value) => value === params.get(name)) ?? '';
  const order = params.get('sort') ?? '';
  const by = columns.find((column) => column === order.replace(/^-/, ''));
  return {
    filter: {
      search: params.get('search') ?? '',
      kind: one('kind', ['luminaire', 'sensor', 'switch'] as const),
      network: params.get('network') ?? '',
      group: params.get('group') ?? '',
      trouble: one('trouble', ['any', 'fault', 'offline', 'battery', 'setup'] as const),
    },
    sort: { by: by ?? 'name', down: by !== undefined && order.startsWith('-') },
  };
}

/** The columns of a file, in their order. */
const fileColumns: [string, (asset: Asset) => Value | undefined][] = [
  ['position', ({ name }) => name],
  ['eui64', ({ device }) => device.eui64],
  ['kind', ({ device }) => device.kind],
  ['network', ({ network }) => network],
  ['groups', ({ groups }) => groups.join('; ')],
  ['manufacturer', ({ device }) => device.asset?.manufacturer],
  ['model', ({ model }) => model],
  ['firmware', ({ firmware }) => firmware],
  ['serial', ({ serial }) => serial],
  ['rated_power_w', ({ ratedW }) => ratedW],
  ['stage', ({ device }) => device.stage],
  ['reachable', ({ device }) => device.state && String(device.state.reachable)],
  ['output_permille', ({ device }) => output(device.state)],
  ['power_w', ({ device }) => device.state?.power_w],
  ['faults', ({ device }) => device.state?.faults?.join('; ')],
  ['signal_dbm', ({ device }) => device.state?.signal_dbm],
  ['link_quality', ({ device }) => device.state?.link_quality],
  ['battery_percent', ({ device }) => device.state?.battery_percent],
  ['burn_hours', ({ device }) => device.state?.burn_hours],
  ['heard_at', ({ device }) => device.state?.heard_at],
];

/** The assets as a file of comma-separated values. */
export function toFile(assets: readonly Asset[]): string {
  return csv([
    fileColumns.map(([name]) => name),
    ...assets.map((asset) => fileColumns.map(([, value]) => value(asset) ?? null)),
  ]);
}
