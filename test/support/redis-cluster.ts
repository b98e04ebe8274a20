/** A Redis Cluster of three masters, each with a replica, on free ports of this machine; only `redis-server` is needed. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { freePort } from './free-port.ts';
import { ensureRedisServer } from './redis-server.ts';

const HOST = '127.0.0.1';
const MASTERS = 3;
const SLOTS = 16_384;
/** A master that is silent for so long is failed over. */
const NODE_TIMEOUT_MS = 2_000;
const POLL_MS = 100;
const PATIENCE_MS = 60_000;

export interface RedisCluster {
  /** All six nodes, separated by commas. */
  url: string;
  /** Kills the master that has the slot of `key`, at once, and resolves when its replica has taken over. In milliseconds. */
  killMasterOf(key: string): Promise<number>;
  stop(): Promise<void>;
}

interface Node {
  port: number;
  process: ChildProcess;
  client: Redis;
  id: string;
}

export async function startRedisCluster(): Promise<RedisCluster> {
  await ensureRedisServer();
  const directory = await mkdtemp(path.join(tmpdir(), 'swarmbid-cluster-'));
  const nodes: Node[] = [];
  const stop = async () => {
    for (const node of nodes) node.client.disconnect();
    await Promise.all(nodes.map(end));
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    for (let i = 0; i < 2 * MASTERS; i += 1) nodes.push(await startNode(path.join(directory, `node-${i}`), directory));
    await join(nodes);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url: nodes.map((node) => `redis://${HOST}:${node.port}`).join(','),
    killMasterOf: (key) => killMasterOf(nodes, key),
    stop,
  };
}

async function startNode(name: string, directory: string): Promise<Node> {
  const port = await freePort();
  const own = path.basename(name);
  const flags = Object.entries({
    port,
    bind: HOST,
    dir: directory,
    'cluster-enabled': 'yes',
    'cluster-config-file': `${own}.conf`,
    'cluster-node-timeout': NODE_TIMEOUT_MS,
    'cluster-port': await freePort(),
    appendonly: 'yes',
    appenddirname: own,
    appendfilename: `${own}.aof`,
    dbfilename: `${own}.rdb`,
    save: '',
    'maxmemory-policy': 'noeviction',
    'repl-diskless-sync-delay': 0,
  }).flatMap(([flag, value]) => [`--${flag}`, String(value)]);
  const process = spawn('redis-server', flags, { stdio: ['ignore', 'pipe', 'inherit'] });
  process.stdout.resume();
  const client = new Redis(port, HOST, { maxRetriesPerRequest: null });
  client.on('error', () => undefined);
  const id = String(await client.call('CLUSTER', 'MYID'));
  return { port, process, client, id };
}

async function join(nodes: readonly Node[]): Promise<void> {
  const [first, ...others] = nodes;
  if (first === undefined) return;
  const [port, busPort] = await addressOf(first);
  for (const node of others) await node.client.call('CLUSTER', 'MEET', HOST, port, busPort);
  const masters = nodes.slice(0, MASTERS);
  for (const [i, master] of masters.entries()) {
    const [from, to] = [Math.ceil((i * SLOTS) / MASTERS), Math.ceil(((i + 1) * SLOTS) / MASTERS) - 1];
    await master.client.call('CLUSTER', 'ADDSLOTSRANGE', from, to);
  }
  for (const [i, replica] of nodes.slice(MASTERS).entries()) {
    const master = masters[i];
    if (master === undefined) continue;
    await until('the nodes know each other', async () => (await nodesSeenBy(replica)).includes(master.id));
    await replica.client.call('CLUSTER', 'REPLICATE', master.id);
  }
  await until('every slot is served and copied', async () => {
    const states = await Promise.all(nodes.map((node) => node.client.call('CLUSTER', 'INFO')));
    const links = await Promise.all(nodes.slice(MASTERS).map((node) => node.client.info('replication')));
    return (
      states.every((state) => String(state).includes('cluster_state:ok')) &&
      links.every((link) => link.includes('master_link_status:up'))
    );
  });
}

async function addressOf(node: Node): Promise<[number, number]> {
  const line = (await nodesSeenBy(node)).split('\n').find((one) => one.includes('myself'));
  const busPort = /@(\d+)/.exec(line ?? '')?.[1];
  if (busPort === undefined) throw new Error(`node ${node.port} does not say where its bus is: ${line ?? 'nothing'}`);
  return [node.port, Number(busPort)];
}

const nodesSeenBy = async (node: Node) => String(await node.client.call('CLUSTER', 'NODES'));

async function killMasterOf(nodes: readonly Node[], key: string): Promise<number> {
  const [witness] = nodes;
  const slot = Number(await witness?.client.call('CLUSTER', 'KEYSLOT', key));
  const master = nodes[Math.floor((slot * MASTERS) / SLOTS)];
  const replica = nodes[nodes.findIndex((node) => node === master) + MASTERS];
  if (master === undefined || replica === undefined) throw new Error(`no node has slot ${slot}`);
  const killedMs = performance.now();
  master.client.disconnect();
  master.process.kill('SIGKILL');
  await until('the replica has taken over', async () =>
    (await replica.client.info('replication')).includes('role:master'),
  );
  return Math.round(performance.now() - killedMs);
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (let waitedMs = 0; waitedMs < PATIENCE_MS; waitedMs += POLL_MS) {
    if (await holds()) return;
    await delay(POLL_MS);
  }
  throw new Error(`waited ${PATIENCE_MS} ms in vain until ${what}`);
}

async function end({ process }: Node): Promise<void> {
  if (process.exitCode !== null || process.signalCode !== null) return;
  const ended = once(process, 'exit');
  process.kill('SIGKILL');
  await ended;
}
