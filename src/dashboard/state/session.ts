import { computed, signal } from '@preact/signals';
import { SwarmbidClient, SwarmbidError } from '../../sdk/index.ts';

const STORED_AS = 'swarmbid-key';

/** What the key in use, or its absence, lets its user do. */
export type Access =
  | { state: 'opening' }
  | { state: 'locked'; problem: string | null }
  | { state: 'unreachable'; error: unknown }
  | { state: 'open'; role: 'admin' | 'submitter' };

export const access = signal<Access>({ state: 'opening' });
export const token = signal<string | undefined>(sessionStorage.getItem(STORED_AS) ?? undefined);
/** Of the server that this page came from, also behind a path of a proxy. */
export const client = computed(() => new SwarmbidClient({ url: new URL('.', location.href).href, token: token.value }));
export const isAdmin = computed(() => access.value.state === 'open' && access.value.role === 'admin');

/** Finds out what may be done, with the key that this tab knows, if any. */
export async function openSession(): Promise<void> {
  access.value = { state: 'opening' };
  try {
    access.value = { state: 'open', role: await findRole() };
  } catch (error) {
    if (!report(error)) access.value = { state: 'unreachable', error };
  }
}

/** No route tells a key's role, so the one that only admins may ask tells. */
async function findRole(): Promise<'admin' | 'submitter'> {
  try {
    await client.value.keys({ limit: 1 });
    return 'admin';
  } catch (error) {
    if (!(error instanceof SwarmbidError) || error.code !== 'FORBIDDEN') throw error;
    await client.value.tasks({ limit: 1 });
    return 'submitter';
  }
}

export async function unlock(key: string): Promise<void> {
  adoptKey(key);
  await openSession();
}

/** From now on, for this tab alone, and until it is closed. What is on the screen stays there. */
export function adoptKey(key: string): void {
  sessionStorage.setItem(STORED_AS, key);
  token.value = key;
}

export async function forgetKey(): Promise<void> {
  sessionStorage.removeItem(STORED_AS);
  token.value = undefined;
  await openSession();
}

/** True if the error is about the key; then the page asks for one. */
export function report(error: unknown): boolean {
  if (!(error instanceof SwarmbidError)) return false;
  if (error.code !== 'UNAUTHENTICATED' && !(error.code === 'FORBIDDEN' && access.value.state === 'opening'))
    return false;
  const problem = token.value === undefined && error.code === 'UNAUTHENTICATED' ? null : explain(error);
  access.value = { state: 'locked', problem };
  return true;
}

function explain(error: SwarmbidError): string {
  if (error.code === 'FORBIDDEN') return error.detail;
  return 'The server does not know this key, or it was revoked.';
}
