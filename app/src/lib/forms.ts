// What is checked before something is sent, and where the cursor goes when it is wrong.

import { tick } from 'svelte';
import { strings } from './strings';

/** The least length of a password in characters, as cloud/identity has it. */
export const minPassword = 12;

/** What is wrong with an email address; "" when nothing is. The server knows more. */
export function emailFault(email: string): string {
  const address = email.trim();
  if (address === '') return strings.signIn.emailMissing;
  return /^\S+@\S+$/.test(address) ? '' : strings.signIn.emailWrong;
}

/** What is wrong with a new password; "" when nothing is. */
export function passwordFault(password: string): string {
  const length = Array.from(password).length;
  if (length === 0) return strings.signIn.passwordMissing;
  return length < minPassword ? strings.password.short(minPassword, length) : '';
}

/** Takes the person to the first field of a form that is wrong. */
export async function focusFault(form: HTMLFormElement): Promise<void> {
  await tick();
  form.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
}
