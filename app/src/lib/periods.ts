// Periods of the calendar in which energy is looked at: days as "2026-03-29", in the time zone of
// the project, which alone the server knows how to cut into hours. Pure.

import { locale } from './strings';

/** A day as in 2026-03-29. Its noon in UTC stands for it in arithmetic: no clock change is near. */
export type Day = string;

export type Length = 'day' | 'week' | 'month' | 'year' | 'custom';
export type Step = 'hour' | 'day' | 'week' | 'month' | 'year';

/** From one day, included, to another, excluded. */
export interface Days {
  from: Day;
  to: Day;
}

const dayMs = 86_400_000;

const noon = (day: Day) => new Date(`${day}T12:00:00Z`);
const dayOf = (at: Date): Day => at.toISOString().slice(0, 10);

export function isDay(text: string): boolean {
  return /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(noon(text).getTime());
}

export function addDays(day: Day, n: number): Day {
  return dayOf(new Date(noon(day).getTime() + n * dayMs));
}

/** How many days there are in a period. */
export function lengthOf({ from, to }: Days): number {
  return Math.round((noon(to).getTime() - noon(from).getTime()) / dayMs);
}

/** The day that it is somewhere at a moment (ms UTC). */
export function today(now: number, zone: string): Day {
  return new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short' }).format(now);
}

/** The period of a length that a day is in. */
export function around(day: Day, length: Exclude<Length, 'custom'>): Days {
  const at = noon(day);
  const [year, month] = [at.getUTCFullYear(), at.getUTCMonth()];
  const first = (y: number, m: number) => dayOf(new Date(Date.UTC(y, m, 1, 12)));
  switch (length) {
    case 'day':
      return { from: day, to: addDays(day, 1) };
    case 'week': {
      const monday = addDays(day, -((at.getUTCDay() + 6) % 7));
      return { from: monday, to: addDays(monday, 7) };
    }
    case 'month':
      return { from: first(year, month), to: first(year, month + 1) };
    case 'year':
      return { from: first(year, 0), to: first(year + 1, 0) };
  }
}

/** The period before, or after, of the same length. */
export function beside(days: Days, length: Length, way: 1 | -1): Days {
  if (length !== 'custom') return around(way > 0 ? days.to : addDays(days.from, -1), length);
  const n = lengthOf(days) * way;
  return { from: addDays(days.from, n), to: addDays(days.to, n) };
}

/** The steps that a period is cut into, so that there are a few and not too many. The first is usual. */
export function stepsOf(days: Days): Step[] {
  const n = lengthOf(days);
  if (n <= 2) return ['hour'];
  if (n <= 8) return ['day', 'hour'];
  if (n <= 62) return ['day', 'week'];
  if (n <= 800) return ['month', 'week', 'day'];
  return ['month', 'year'];
}

/** Names a period. */
export function sayDays(days: Days, length: Length): string {
  const of = (options: Intl.DateTimeFormatOptions, day: Day) =>
    new Intl.DateTimeFormat(locale, { timeZone: 'UTC', ...options }).format(noon(day));
  const long = { day: 'numeric', month: 'long', year: 'numeric' } as const;
  switch (length) {
    case 'day':
      return of({ weekday: 'long', ...long }, days.from);
    case 'month':
      return of({ month: 'long', year: 'numeric' }, days.from);
    case 'year':
      return of({ year: 'numeric' }, days.from);
    default:
      return new Intl.DateTimeFormat(locale, {
        timeZone: 'UTC',
        day: 'numeric',
        month: 'short',
        year: 'numeric',
      }).formatRange(noon(days.from), noon(addDays(days.to, -1)));
  }
}

/** How moments are written at which steps begin: for the axis, and in full. */
export function stepNames(
  step: Step,
  zone: string,
): { short: (at: string) => string; full: (at: string) => string } {
  const of = (options: Intl.DateTimeFormatOptions) => {
    const format = new Intl.DateTimeFormat(locale, { timeZone: zone, ...options });
    return (at: string) => format.format(new Date(at));
  };
  const date = { day: 'numeric', month: 'short' } as const;
  switch (step) {
    case 'hour':
      return {
        short: of({ hour: '2-digit', minute: '2-digit' }),
        full: of({ weekday: 'short', ...date, hour: '2-digit', minute: '2-digit' }),
      };
    case 'day':
      return { short: of(date), full: of({ weekday: 'short', ...date, year: 'numeric' }) };
    case 'week':
      return { short: of(date), full: of({ ...date, year: 'numeric' }) };
    case 'month':
      return { short: of({ month: 'short' }), full: of({ month: 'long', year: 'numeric' }) };
    case 'year':
      return { short: of({ year: 'numeric' }), full: of({ year: 'numeric' }) };
  }
}

/** The day of the week, 0 for Monday, and the hour that it is somewhere at a moment. */
export function clockOf(zone: string): (at: string) => { weekday: number; hour: number } {
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone: zone,
    weekday: 'short',
    hour: '2-digit',
    hourCycle: 'h23',
  });
  return (at) => {
    const parts = format.formatToParts(new Date(at));
    const part = (type: string) => parts.find((p) => p.type === type)?.value ?? '';
    return {
      weekday: ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'].indexOf(part('weekday')),
      hour: Number(part('hour')),
    };
  };
}
