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

/** The server's details are parts of sentences, without a capital and a full stop. */
function sentence(text: string): string {
  const whole = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(whole) ? whole : `${whole}.`;
}
