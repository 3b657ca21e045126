// Who is signed in, and the one API client of the app.

import { Api } from './api';
import { clock } from './clock.svelte';
import type { Account, Admitted, OperatorText } from './types';

export type SessionState =
  | { is: 'unknown' }
  | { is: 'failed'; error: unknown }
  | { is: 'out'; why: 'first' | 'ended' | 'signed-out' | 'erased' }
  | { is: 'in'; account: Account };

class Session {
  #state = $state.raw<SessionState>({ is: 'unknown' });

  #open = $state.raw<readonly OperatorText[] | null>(null);

  readonly api = new Api({
    onSignedOut: () => {
      if (this.#state.is === 'in') this.#state = { is: 'out', why: 'ended' };
    },
    onServerTime: (ms) => clock.adjust(ms),
  });

  get state(): SessionState {
    return this.#state;
  }

  /** The texts that who is signed in has to agree to first, null while that is not known. */
  get open(): readonly OperatorText[] | null {
    return this.#open;
  }

  /** Agrees to all of them. */
  async agree(): Promise<void> {
    this.#open = (await this.api.agree(this.#open ?? [])).open;
  }

  /** Finds out what has to be agreed to. When that fails, the pages say what is wrong. */
  async ask(): Promise<void> {
    this.#open = null;
    try {
      this.#open = (await this.api.agreements()).open;
    } catch {
      this.#open = [];
    }
  }

  /** Finds out whether a session goes on from an earlier visit. */
  async resume(): Promise<void> {
    this.#state = { is: 'unknown' };
    const found = await this.#find();
    if (found.is === 'in') await this.ask();
    if (this.#state.is === 'unknown') this.#state = found; // somebody may have signed in meanwhile
  }

  /** Signs in, or returns the token of the second step when one is asked for. */
  async signIn(email: string, password: string): Promise<string | null> {
    return this.enter(await this.api.signIn(email, password));
  }

  /** Takes in how far somebody came. */
  enter({ account, second_step }: Admitted): string | null {
    if (account) {
      this.#state = { is: 'in', account };
      void this.ask();
    }
    return second_step?.token ?? null;
  }

  /** Makes the account behind the link of a letter, and signs in. */
  async register(token: string, password: string): Promise<void> {
    this.enter(await this.api.confirmRegistration(token, password));
  }

  /** Ends the session. It throws, and the session goes on, when the server cannot be told. */
  async signOut(): Promise<void> {
    await this.api.signOut();
    this.#state = { is: 'out', why: 'signed-out' };
  }

  /** Takes in how somebody is called now. */
  correct(account: Account): void {
    this.#state = {
      is: 'in',
      account: { id: account.id, email: account.email, name: account.name },
    };
  }

  /** Erases the account of who is signed in, for ever. */
  async erase(password: string): Promise<void> {
    await this.api.eraseAccount(password);
    this.#state = { is: 'out', why: 'erased' };
  }

  async #find(): Promise<SessionState> {
    try {
      const { account } = await this.api.session();
      return { is: 'in', account };
    } catch (error) {
      const signedOut = error instanceof Error && 'status' in error && error.status === 401;
      return signedOut ? { is: 'out', why: 'first' } : { is: 'failed', error };
    }
  }
}

export const session = new Session();
