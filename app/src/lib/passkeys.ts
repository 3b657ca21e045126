// Passkeys in the browser (Web Authentication, level 3): what the server asks and what the
// browser answers, both as JSON.

import type { CredentialJson, PasskeyOptions } from './types';

/** Reports whether this browser can make and use passkeys. */
export function canUsePasskeys(): boolean {
  return (
    typeof PublicKeyCredential === 'function' &&
    typeof PublicKeyCredential.parseCreationOptionsFromJSON === 'function' &&
    typeof PublicKeyCredential.parseRequestOptionsFromJSON === 'function'
  );
}

/** Lets the browser make a passkey. */
export async function makePasskey(options: PasskeyOptions): Promise<CredentialJson> {
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(
    options as unknown as PublicKeyCredentialCreationOptionsJSON,
  );
  return jsonOf(await navigator.credentials.create({ publicKey }));
}

/** Lets the person choose one of their passkeys, and the browser use it. */
export async function usePasskey(options: PasskeyOptions): Promise<CredentialJson> {
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(
    options as unknown as PublicKeyCredentialRequestOptionsJSON,
  );
  return jsonOf(await navigator.credentials.get({ publicKey }));
}

function jsonOf(credential: Credential | null): CredentialJson {
  if (!(credential instanceof PublicKeyCredential)) throw new DOMException('', 'NotAllowedError');
  return credential.toJSON() as unknown as CredentialJson;
}

/**
 * Reports whether an error is that the person left the browser's dialog, or has no passkey
 * for this site, which browsers do not tell apart; or that the passkey is there already.
 */
export function wasCancelled(error: unknown): boolean {
  return (
    error instanceof DOMException &&
    ['NotAllowedError', 'AbortError', 'InvalidStateError'].includes(error.name)
  );
}
