/**
 * The agents of the fault suite: what a subtask's data says, they do. Each run is noted in the file RUNS_FILE, from outside
 * of the market, so that the suite knows what ran where and how often.
 */
import { appendFileSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { AgentDefinition } from '../../src/contracts/agent-definition.ts';

/** How a poisonous subtask behaves. */
export const POISONS = ['throws', 'hangs', 'blocks', 'exits', 'exhausts'] as const;
export type Poison = (typeof POISONS)[number];

export const POISON_EXIT_CODE = 86;
export const SKILLS = ['alpha', 'beta', 'gamma'];

export interface WorkOrder {
  workMs: number;
  /** Fails where its number is among these, from 1. */
  failAttempts?: number[];
  poison?: Poison;
  blockMs?: number;
}

const runsFile = process.env['RUNS_FILE'];

function orderOf(data: Record<string, unknown>): WorkOrder {
  return data['order'] as WorkOrder;
}

async function work(
  data: Record<string, unknown>,
  context: Parameters<AgentDefinition['execute']>[1],
): Promise<unknown> {
  const run = randomUUID();
  const order = orderOf(data);
  const note = { pid: process.pid, key: context.idempotencyKey, run };
  if (runsFile !== undefined) appendFileSync(runsFile, `${JSON.stringify(note)}\n`);
  if (order.poison !== undefined) return poison(order);
  context.progress(10, 'begun');
  await delay(order.workMs, undefined, { signal: context.signal });
  if (order.failAttempts?.includes(context.attempt) === true) throw new Error('told to fail');
  return { run, token: data['token'] };
}

async function poison({ poison: kind, blockMs = 0 }: WorkOrder): Promise<unknown> {
  if (kind === 'throws') throw new Error('a poisonous task');
  if (kind === 'exits') process.exit(POISON_EXIT_CODE);
  if (kind === 'blocks') {
    const until = performance.now() + blockMs;
    while (performance.now() < until);
    return { blocked: true };
  }
  const hoard: string[][] = [];
  while (kind === 'exhausts') hoard.push(Array.from({ length: 100_000 }, () => randomUUID()));
  return new Promise(() => undefined);
}

const capacity = 8;

function worker(id: string, skills: string[]): AgentDefinition {
  return { id, name: id, skills, capacity, execute: (subtask, context) => work(subtask.data, context) };
}

const workers = [
  worker('alpha-one', ['alpha']),
  worker('alpha-two', ['alpha', 'delta']),
  worker('beta-one', ['beta']),
  worker('gamma-one', ['gamma']),
  worker('polymath', SKILLS),
];

/** What `swarmbid up --agents` serves. */
export default process.env['SWARMBID_POOL'] === 'poison' ? [worker('poisoned', ['poison'])] : workers;
