// Entries of the security log in words. The log names people and things by opaque
// identifiers; what is still there gets its name. Pure.

import { eui64 } from './format';
import { memberName } from './members';
import { nameOf } from './model';
import { strings } from './strings';
import type {
  Account,
  Device,
  Group,
  LogEntry,
  Member,
  Network,
  Role,
  SupportAccess,
  SupportGrant,
} from './types';

/** The names of what is there now, by "kind:identifier" as the log writes it. */
export type Names = ReadonlyMap<string, string>;

/** What an entry says. */
export interface Said {
  who: string;
  what: string;
  /** To what it was done, and what else is to be known; "" when there is nothing. */
  target: string;
  refused: boolean;
}

const text = strings.log;

/** Collects the names of what is in a project, as who is signed in sees them. */
export function namesIn(there: {
  account: Account;
  members: readonly Member[];
  devices: readonly Device[];
  groups: readonly Group[];
  networks: readonly Network[];
  support?: readonly SupportGrant[];
}): Names {
  const support = (there.support ?? []).flatMap((g) => [
    g.operator,
    ...(g.granted_by ? [g.granted_by] : []),
  ]);
  return new Map([
    ...support.flatMap((p) => (p.name ? [[`account:${p.account_id}`, p.name] as const] : [])),
    ...there.members.map((m) => [`account:${m.account_id}`, memberName(m)] as const),
    [`account:${there.account.id}`, text.you],
    ...there.devices.map((d) => [`device:${d.eui64}`, nameOf(d)] as const),
    ...there.devices.flatMap(({ position: p }) =>
      p ? [[`position:${p.id}`, p.name] as const] : [],
    ),
    ...there.groups.map((g) => [`group:${g.id}`, g.name] as const),
    ...there.networks.map((n) => [`network:${n.id}`, n.name] as const),
  ]);
}

export function sayEntry(entry: LogEntry, names: Names): Said {
  const named = ['access.refused', 'support.used'].includes(entry.action);
  const target = named ? '' : saySubject(entry.target, names);
  const who = saySubject(entry.who, names);
  return {
    who: sayActor(who, entry.origin),
    what: named ? sayOperation(entry) : (own(text.action, entry.action) ?? entry.action),
    target: listed([target, ...entry.detail.split(' ').map((part) => sayPart(part, names))]),
    refused: entry.result === 'refused',
  };
}

/** Who acted, and whether a program did so for them. */
function sayActor(who: string, origin: string): string {
  if (origin.startsWith('token:')) return text.byToken(who);
  return origin.startsWith('grant:') ? text.byApp(who) : who;
}

/** An entry whose target is an operation. */
function sayOperation({ action, target }: LogEntry): string {
  const operation = own(text.operation, target) ?? target;
  return action === 'support.used' ? text.usedSupport(operation) : text.tried(operation);
}

/** A person or thing: by its name, or by its kind and its shortened identifier. */
export function saySubject(subject: string, names: Names): string {
  const name = names.get(subject);
  if (name) return name;
  const colon = subject.indexOf(':');
  const kind = own(text.subject, colon < 0 ? subject : subject.slice(0, colon));
  if (typeof kind === 'string') return kind;
  return kind ? kind(shorten(subject.slice(colon + 1))) : subject;
}

/** A part of a detail, "role=user" or "network:…"; what is not known stays as it is. */
function sayPart(part: string, names: Names): string {
  const [key, value] = part.split('=');
  if (value === undefined) return saySubject(part, names);
  if (key === 'access') return own(strings.support.accessOf, value as SupportAccess) ?? part;
  if (key === 'role') return own(strings.role, value as Role) ?? part;
  const counted = own(text.detail, key ?? '');
  return counted && /^\d+$/.test(value) ? counted(Number(value)) : part;
}

/** The parts that say something, each once: a light is often called as its position is. */
function listed(parts: readonly string[]): string {
  return [...new Set(parts.filter(Boolean))].join(', ');
}

/** An identifier as far as people compare it: an EUI-64 whole, of others the end. */
function shorten(id: string): string {
  if (/^[0-9a-f]{16}$/i.test(id)) return eui64(id);
  return id.length > 12 ? `…${id.slice(-8)}` : id;
}

/** What a table of sentences has of its own: never what every object has. */
function own<T>(table: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined;
}
