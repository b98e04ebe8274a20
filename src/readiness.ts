import type { Connections } from './connections.ts';
import { pingDatabase } from './db/ping.ts';
import { errorText } from './util/error-text.ts';

const PING_MS = 2_000;

/** Each store by name with null when it answers, else what is wrong. */
export async function checkStores({ db, bus }: Connections): Promise<Record<string, string | null>> {
  const [postgres, transport] = await Promise.all([
    fault(pingDatabase(db, PING_MS)),
    fault(bus.publish('ping', { at: Date.now() })),
  ]);
  return { postgres, bus: transport };
}

async function fault(check: Promise<unknown>): Promise<string | null> {
  try {
    await check;
    return null;
  } catch (error) {
    return errorText(error);
  }
}
