import { setTimeout as delay } from 'node:timers/promises';
import type { FaultKind, Scene } from './fault.ts';
import type { Role } from './site.ts';

const CRASH_PATIENCE_MS = 15_000;

/** Where each kind of process may be told to die. */
const CRASH_POINTS: Partial<Record<Role, readonly string[]>> = {
  api: ['after-submit', 'before-cancel', 'after-cancel'],
  orchestrator: [
    'after-announce',
    'before-close_round',
    'after-close_round',
    'after-add',
    'before-deliver',
    'after-deliver',
    'before-finish_synthesis',
    'after-finish_synthesis',
    'mid-fold',
    'before-record_reputation',
  ],
  agents: ['before-claim', 'after-claim', 'before-report', 'after-report'],
};

const kill = (role: Role, amount: number): FaultKind => ({
  name: `kill-${role}`,
  amount,
  inflict: async ({ site, random }) => {
    const running = site.of(role).filter((one) => one.running);
    const killed = running.length > 0 && random.pick(running).kill();
    await delay(random.int(400, 700));
    return killed;
  },
});

const crash = (role: Role, point: string): FaultKind => ({
  name: `crash-${point}`,
  amount: 25,
  background: true,
  inflict: async ({ site, random }) => {
    const unarmed = site.of(role).filter((one) => !one.armed);
    if (unarmed.length === 0) return false;
    return random.pick(unarmed).crashAt(`${point}:${random.int(1, 3)}`, CRASH_PATIENCE_MS);
  },
});

const crashes = Object.entries(CRASH_POINTS).flatMap(([role, points]) =>
  points.map((point) => crash(role as Role, point)),
);

const killAll: FaultKind = {
  name: 'kill-all',
  amount: 20,
  inflict: async ({ site }) => {
    for (const one of site.processes) one.kill();
    await site.allUp();
    return true;
  },
};

/** Longer than a lease: what it holds is given to others, and then it comes back, perhaps while they are at it. */
const freeze = (role: Role): FaultKind => ({
  name: `freeze-${role}`,
  amount: 25,
  inflict: async ({ site, random }: Scene) => {
    await random.pick(site.of(role)).freeze(site.leaseMs * (1.05 + 1.5 * random.next()));
    return true;
  },
});

export const processFaults: FaultKind[] = [
  kill('api', 200),
  kill('orchestrator', 400),
  kill('agents', 500),
  ...crashes,
  killAll,
];

/** Nobody dies of these. */
export const freezeFaults: FaultKind[] = [freeze('api'), freeze('orchestrator'), freeze('agents')];
