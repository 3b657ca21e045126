// The live topics of a project, and what their messages say. A message that is not
// understood is null: it is ignored, and the next snapshot tells what it would have.

import type { Command, GatewayPresence, LightState } from './types';

export type LiveMessage =
  | { kind: 'device'; state: LightState }
  | { kind: 'gateway'; presence: GatewayPresence }
  | { kind: 'command'; command: Command };

/** Every live topic of a project. */
export function topicOf(project: string): string {
  return `p/${project}/#`;
}

/** Reads a message of a project. The address in the topic is the one that counts. */
export function parseMessage(topic: string, payload: string): LiveMessage | null {
  const [p, , kind, id] = topic.split('/');
  if (p !== 'p' || !id) return null;
  const body = parseObject(payload);
  if (!body) return null;
  switch (kind) {
    case 'device':
      return isState(body, id) ? { kind, state: body } : null;
    case 'gateway':
      return isPresence(body, id) ? { kind, presence: body } : null;
    case 'command':
      return isCommand(body, id) ? { kind, command: body } : null;
    default:
      return null;
  }
}

type Fields = Partial<Record<string, unknown>>;

function parseObject(payload: string): Fields | null {
  try {
    const value: unknown = JSON.parse(payload);
    return typeof value === 'object' && value !== null ? (value as Fields) : null;
  } catch {
    return null;
  }
}

function isState(body: Fields, eui64: string): body is Fields & LightState {
  return (
    body.eui64 === eui64 &&
    (isAbsent(body.at) || isTime(body.at)) &&
    typeof body.reachable === 'boolean' &&
    (isAbsent(body.on) || typeof body.on === 'boolean') &&
    (isAbsent(body.level) || typeof body.level === 'number') &&
    (isAbsent(body.power_w) || typeof body.power_w === 'number')
  );
}

function isPresence(body: Fields, eui64: string): body is Fields & GatewayPresence {
  return body.eui64 === eui64 && typeof body.online === 'boolean';
}

function isCommand(body: Fields, id: string): body is Fields & Command {
  return (
    body.id === id &&
    typeof body.status === 'string' &&
    typeof body.confirmed === 'number' &&
    typeof body.of === 'number' &&
    (isAbsent(body.outcomes) || Array.isArray(body.outcomes))
  );
}

function isTime(value: unknown): boolean {
  return typeof value === 'string' && !Number.isNaN(Date.parse(value));
}

function isAbsent(value: unknown): boolean {
  return value === null || value === undefined;
}
