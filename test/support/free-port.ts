import { once } from 'node:events';
import { createServer } from 'node:net';

/** A port of 127.0.0.1 that nobody listens on now. */
export async function freePort(): Promise<number> {
  const { port, release } = await reservePort();
  await release();
  return port;
}

/** The same, kept from others until it is released: a port that is free may be gone when the next one is asked for. */
export async function reservePort(): Promise<{ port: number; release: () => Promise<void> }> {
  const holder = createServer().listen(0, '127.0.0.1');
  await once(holder, 'listening');
  const address = holder.address();
  if (address === null || typeof address === 'string') throw new Error('no free port on 127.0.0.1');
  const release = async () => {
    holder.close();
    await once(holder, 'close');
  };
  return { port: address.port, release };
}
