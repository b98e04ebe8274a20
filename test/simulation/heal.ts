import { isFinal } from '../../src/contracts/task.ts';
import type { SimWorld } from './world.ts';

const ROUND_MS = 2_500;
const MAX_ROUNDS = 200;
/** After so long BullMQ has noticed that a job's worker is gone. */
const STALL_MS = 15_000;

/**
 * Every fault is over: processes run, stores answer, agents deliver. Each loop of each process has its turn, round by round,
 * until nothing is left to do. Returns the simulated milliseconds until then.
 */
export function heal(world: SimWorld): number {
  world.storeUp = true;
  world.queue.up = true;
  for (const replica of world.replicas) replica.paused = false;
  for (const agent of world.agents) agent.status = 'active';
  for (let i = 0; i < world.orders.length; i += 1) world.submit(i, 'ok');
  for (let round = 1; round <= MAX_ROUNDS; round += 1) {
    const busy = runRound(world);
    if (!busy && [...world.store.tasks.values()].every((row) => isFinal(row.record.status))) return round * ROUND_MS;
    world.advance(ROUND_MS);
    if (round * ROUND_MS === STALL_MS) stallOrphans(world);
  }
  return MAX_ROUNDS * ROUND_MS;
}

function stallOrphans(world: SimWorld): void {
  const processes = [...world.orchestrators, ...world.replicas];
  for (const jobId of world.queue.activeIds()) {
    if (!processes.some((one) => one.holds(jobId))) world.queue.stall(jobId, true);
  }
}

/** True if anything was done but heartbeats. */
function runRound(world: SimWorld): boolean {
  for (const replica of world.replicas) replica.beat('ok');
  let busy = deliverAll(world);
  for (const one of world.orchestrators) {
    busy = all(() => one.lookForDue() && one.recover(0, 'ok')) || busy;
    busy = all(() => one.recover(0, 'ok')) || busy;
    busy = one.expireTasks('ok') || busy;
    busy = one.repeatSyntheses() || busy;
    busy = one.auction.begin('ok', true) || busy;
    busy = deliverAll(world) || busy;
    busy = all(() => one.auction.close(0, 'ok')) || busy;
    busy = all(() => one.carry(0) && one.removeCarried()) || busy;
  }
  for (const one of world.replicas) {
    busy = all(() => one.takeJob(0)) || busy;
    busy = all(() => one.claim(0, 'ok')) || busy;
    busy = all(() => one.endWork(0, 'delivered', { quality: null, broken: false })) || busy;
    busy = all(() => one.report(0, 'ok')) || busy;
  }
  for (const one of world.orchestrators) {
    busy = all(() => one.settle(0, 'ok')) || busy;
    busy = all(() => one.read() && one.settle(0, 'ok')) || busy;
    busy = all(() => one.finishSynthesis(0, 'ok')) || busy;
    busy = all(() => one.synthesize(0, []) && one.finishSynthesis(0, 'ok')) || busy;
    busy = all(() => one.books.fold('ok')) || busy;
    busy = all(() => one.books.tell(0, 'ok')) || busy;
    busy = all(() => one.books.readUntold() && one.books.tell(0, 'ok')) || busy;
  }
  for (const one of world.watchers) busy = all(() => one.give() || (one.read() && one.give())) || busy;
  return busy;
}

function deliverAll(world: SimWorld): boolean {
  return all(() => {
    const message = world.bus.shift();
    message?.();
    return message !== undefined;
  });
}

/** Does it as often as it can be done. */
function all(once: () => boolean): boolean {
  let done = false;
  while (once()) done = true;
  return done;
}
