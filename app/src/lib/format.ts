// How numbers, times and names are written for people. Pure: the present is an argument.

import { locale, strings } from './strings';

const nbsp = '\u00a0';

const oneDecimal = new Intl.NumberFormat(locale, {
  minimumFractionDigits: 1,
  maximumFractionDigits: 1,
});
const noDecimal = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });
const twoDecimals = new Intl.NumberFormat(locale, {
  minimumFractionDigits: 2,
  maximumFractionDigits: 2,
});
const dayAndTime = new Intl.DateTimeFormat(locale, {
  weekday: 'short',
  day: 'numeric',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
});
const timeOnly = new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit' });
const exactTime = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'medium' });
const conjunction = new Intl.ListFormat(locale, { type: 'conjunction' });
const natural = new Intl.Collator(locale, { numeric: true, sensitivity: 'base' });

/** A level in per mille as a percentage. What is lit at all never reads "0 %". */
export function percent(permille: number): string {
  const value = permille > 0 ? Math.max(1, Math.round(permille / 10)) : 0;
  return `${value}${nbsp}%`;
}

/** A power in watts: two decimals below 1 W, one below 100 W; kilowatts from 10 kW on. */
export function watts(value: number): string {
  if (Math.abs(value) >= 9_999.5) return `${twoDecimals.format(value / 1000)}${nbsp}kW`;
  if (Math.abs(value) >= 99.95) return `${noDecimal.format(value)}${nbsp}W`;
  if (Math.abs(value) >= 0.995 || value === 0) return `${oneDecimal.format(value)}${nbsp}W`;
  return `${twoDecimals.format(value)}${nbsp}W`;
}

/** An amount of energy given in watt-hours, in the unit of another: of the greatest beside it. */
export function energy(wh: number, beside = wh): string {
  const size = Math.abs(beside);
  if (size >= 1e6) return `${twoDecimals.format(wh / 1e6)}${nbsp}MWh`;
  if (size >= 1e5) return `${noDecimal.format(wh / 1e3)}${nbsp}kWh`;
  if (size >= 1e3) return `${oneDecimal.format(wh / 1e3)}${nbsp}kWh`;
  return `${noDecimal.format(wh)}${nbsp}Wh`;
}

/** An amount of money in a currency (ISO 4217). */
export function money(value: number, currency: string): string {
  return new Intl.NumberFormat(locale, { style: 'currency', currency }).format(value);
}

/** A mass given in grams. */
export function grams(value: number): string {
  if (value >= 1e6) return `${twoDecimals.format(value / 1e6)}${nbsp}t`;
  if (value >= 1e3) return `${oneDecimal.format(value / 1e3)}${nbsp}kg`;
  return `${noDecimal.format(value)}${nbsp}g`;
}

/** A difference as a share, with its sign. */
export function signed(share: number): string {
  const value = Math.round(share * 100);
  return `${value > 0 ? '+' : value < 0 ? '\u2212' : ''}${noDecimal.format(Math.abs(value))}${nbsp}%`;
}

/** A whole number. */
export function whole(value: number): string {
  return noDecimal.format(value);
}

/** A number of bytes, in the largest of kB, MB and GB (powers of 1000) that leaves 1 or more. */
export function bytes(value: number): string {
  if (value >= 1e9) return `${oneDecimal.format(value / 1e9)}${nbsp}GB`;
  if (value >= 1e6) return `${oneDecimal.format(value / 1e6)}${nbsp}MB`;
  return `${noDecimal.format(Math.ceil(value / 1e3))}${nbsp}kB`;
}

/** The day of a moment in UTC, as in 2026-01-31. */
export function day(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}

/** How long ago something was, in the largest whole unit. The future is "just now":
 * clocks differ a little. */
export function ago(then: number, now: number): string {
  const seconds = Math.floor((now - then) / 1000);
  if (seconds < 2) return strings.time.justNow;
  if (seconds < 60) return strings.time.secondsAgo(seconds);
  if (seconds < 3600) return strings.time.minutesAgo(Math.floor(seconds / 60));
  if (seconds < 48 * 3600) return strings.time.hoursAgo(Math.floor(seconds / 3600));
  return strings.time.daysAgo(Math.floor(seconds / 86_400));
}

/** A moment, as short as it stays clear: the time alone on the same day. */
export function moment(then: number, now: number): string {
  const sameDay = new Date(then).toDateString() === new Date(now).toDateString();
  return (sameDay ? timeOnly : dayAndTime).format(then);
}

/** A moment to the second, for those who want to know exactly. */
export function exact(then: number): string {
  return exactTime.format(then);
}

/** An RFC 3339 time in milliseconds, or null for none or one that is not understood. */
export function parseTime(text: string | null | undefined): number | null {
  if (!text) return null;
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? null : ms;
}

/** An EUI-64 as printed on a label: 00:15:8D:00:01:02:03:04. */
export function eui64(text: string): string {
  return (text.match(/../g) ?? [text]).join(':').toUpperCase();
}

/** A PAN identifier, which the field writes in hexadecimal. */
export function panId(value: number | string): string {
  const digits = typeof value === 'number' ? value.toString(16) : value.replace(/^0x/i, '');
  return `0x${digits.toUpperCase().padStart(4, '0')}`;
}

/** "A, B and C"; what exceeds max is counted. */
export function names(list: readonly string[], max = 3): string {
  if (list.length <= max) return conjunction.format(list);
  const shown = list.slice(0, max - 1);
  return conjunction.format([...shown, strings.others(list.length - shown.length)]);
}

/** Orders names as people count: "Light 2" before "Light 10". */
export function byName(a: string, b: string): number {
  return natural.compare(a, b);
}
