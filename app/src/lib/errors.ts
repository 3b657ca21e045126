// What to say about an error. The server's own detail comes first: it is written
// for people and knows more than a status code does.

import { Problem } from './api';
import { strings } from './strings';

export function explain(error: unknown): string {
  if (!(error instanceof Problem)) return strings.errors.notUnderstood;
  if (error.detail) return sentence(error.detail);
  if (error.unreachable) return strings.errors.unreachable;
  if (error.status === 403) return strings.errors.forbidden;
  if (error.status === 429) return strings.errors.tooMany;
  if (error.status >= 500) return strings.errors.internal;
  return error.title || strings.errors.internal;
}

/**
 * What the server says about single fields, by the name of the field, when it speaks of
 * none but these; else null, and the error as a whole is to be explained.
 */
export function fieldProblems<Field extends string>(
  error: unknown,
  fields: readonly Field[],
): Partial<Record<Field, string>> | null {
  if (!(error instanceof Problem) || error.errors.length === 0) return null;
  const said: Partial<Record<Field, string>> = {};
  for (const { location, message } of error.errors) {
    const field = fields.find((name) => location === `body.${name}`);
    if (!field) return null;
    said[field] ??= sentence(message);
  }
  return said;
}

/** The server's details are parts of sentences, without a capital and a full stop. */
function sentence(text: string): string {
  const whole = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(whole) ? whole : `${whole}.`;
}
