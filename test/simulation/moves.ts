/** What can happen in a market: somebody's next statement or message, or a fault. */
import type { SimOrchestrator } from './orchestrator.ts';
import { oneOf } from './pick.ts';
import type { Fate } from './rows.ts';
import type { SimWorld } from './world.ts';

/** A move's freedom: which one of what there is, and how it goes. */
interface Chance {
  pick: number;
  flag: number;
  fate: Fate;
}

/** False if there is nothing of the kind to be done now. */
type Move = (world: SimWorld, chance: Chance) => boolean;

const SKILLS_TO_BLAME = [[], [], ['a'], ['b'], ['a', 'b'], ['c', 'd']];
const QUALITIES = [95, 80, null];

const orchestrator = (world: SimWorld, { flag }: Chance): SimOrchestrator => oneOf(world.orchestrators, flag)!;
const replica = (world: SimWorld, { flag }: Chance) => oneOf(world.replicas, flag)!;
const watcher = (world: SimWorld, { flag }: Chance) => oneOf(world.watchers, flag);

const value = ({ pick, flag }: Chance) => ({ quality: QUALITIES[pick % 3] ?? null, broken: flag % 8 === 5 });

const work = {
  submit: (world, { pick, flag, fate }) => {
    // Told once, a submitter repeats itself now and then only.
    const told = world.acknowledged.size === world.orders.length;
    return (!told || flag % 16 === 0) && world.submit(pick, fate);
  },
  'begin a pass': (world, chance) => orchestrator(world, chance).auction.begin(chance.fate, chance.pick % 2 === 0),
  'close a pass': (world, chance) => orchestrator(world, chance).auction.close(chance.pick, chance.fate),
  'carry a job': (world, chance) => orchestrator(world, chance).carry(chance.pick),
  'remove from the outbox': (world, chance) => orchestrator(world, chance).removeCarried(),
  'read attempts': (world, chance) => orchestrator(world, chance).read(),
  settle: (world, chance) => orchestrator(world, chance).settle(chance.pick, chance.fate),
  'look for due leases': (world, chance) => orchestrator(world, chance).lookForDue(),
  recover: (world, chance) => orchestrator(world, chance).recover(chance.pick, chance.fate),
  expire: (world, chance) => orchestrator(world, chance).expireTasks(chance.fate),
  'repeat syntheses': (world, chance) => orchestrator(world, chance).repeatSyntheses(),
  synthesize: (world, chance) =>
    orchestrator(world, chance).synthesize(chance.pick, oneOf(SKILLS_TO_BLAME, chance.pick)!),
  'finish a synthesis': (world, chance) => orchestrator(world, chance).finishSynthesis(chance.pick, chance.fate),
  fold: (world, chance) => orchestrator(world, chance).books.fold(chance.fate),
  'read untold': (world, chance) => orchestrator(world, chance).books.readUntold(),
  tell: (world, chance) => orchestrator(world, chance).books.tell(chance.pick, chance.fate),
  'take a job': (world, chance) => replica(world, chance).takeJob(chance.pick),
  claim: (world, chance) => replica(world, chance).claim(chance.pick, chance.fate),
  progress: (world, chance) => replica(world, chance).sayProgress(chance.pick),
  deliver: (world, chance) => replica(world, chance).endWork(chance.pick, 'delivered', value(chance)),
  report: (world, chance) => replica(world, chance).report(chance.pick, chance.fate),
  beat: (world, chance) => replica(world, chance).beat(chance.fate),
  'watcher reads': (world, chance) => watcher(world, chance)?.read() ?? false,
  'watcher is given': (world, chance) => watcher(world, chance)?.give() ?? false,
  'message arrives': (world, { pick, flag }) => {
    if (world.bus.length === 0) return false;
    for (let i = 0; i <= flag % 8 && world.bus.length > 0; i += 1) {
      const index = (pick + i) % world.bus.length;
      const message = flag % 5 === 0 ? world.bus[index] : world.bus.splice(index, 1)[0];
      message?.();
    }
    return true;
  },
  time: (world, { pick }) => {
    world.advance(10 + 10 * pick);
    return true;
  },
} satisfies Record<string, Move>;

const faults = {
  'agent fails': (world, chance) =>
    replica(world, chance).endWork(chance.pick, chance.pick % 2 === 0 ? 'failed' : 'timed_out', value(chance)),
  cancel: (world, { pick, flag, fate }) => {
    const taskId = oneOf([...world.store.tasks.keys()], pick);
    if (taskId === undefined || flag % 8 !== 0) return false;
    world.commit(fate, [taskId], () => ({ commands: [{ taskId, command: { kind: 'cancel' } }] }));
    return true;
  },
  'message is lost': (world, { pick }) => world.bus.splice(pick % Math.max(1, world.bus.length), 1).length > 0,
  'kill orchestrator': (world, chance) => {
    if (chance.pick % 4 !== 0) return false;
    orchestrator(world, chance).kill();
    return true;
  },
  'kill replica': (world, chance) => {
    if (chance.pick % 4 !== 0) return false;
    replica(world, chance).kill();
    return true;
  },
  'pause or resume replica': (world, chance) => {
    const one = replica(world, chance);
    if (!one.paused && chance.pick % 8 !== 0) return false;
    one.paused = !one.paused;
    return true;
  },
  'job stalls': (world, { pick, flag }) => {
    const jobId = oneOf(world.queue.activeIds(), pick);
    if (jobId !== undefined) world.queue.stall(jobId, flag % 3 !== 0);
    return jobId !== undefined;
  },
  'queue is flushed': (world, { pick }) => {
    if (pick % 8 !== 0) return false;
    world.queue.flush();
    return true;
  },
  'queue forgets what ended': (world) => {
    world.queue.forgetEnded();
    return true;
  },
  'queue goes or comes back': (world, { pick }) => {
    if (world.queue.up && pick % 4 !== 0) return false;
    world.queue.up = !world.queue.up;
    return true;
  },
  'store goes or comes back': (world, { pick }) => {
    if (world.storeUp && pick % 16 !== 0) return false;
    world.storeUp = !world.storeUp;
    return true;
  },
  'watcher reconnects': (world, chance) => {
    watcher(world, chance)?.reconnect();
    return world.watchers.length > 0;
  },
  'agent is suspended or taken back': (world, { pick, flag }) => {
    const agent = oneOf(world.agents, pick)!;
    if (agent.status === 'active' && flag % 4 !== 0) return false;
    agent.status = agent.status === 'active' ? 'suspended' : 'active';
    return true;
  },
  'a lease passes': (world, { pick, flag }) => {
    if (flag % 4 !== 0) return false;
    world.advance(10_000 + 100 * pick);
    return true;
  },
} satisfies Record<string, Move>;

type Name = keyof typeof work | keyof typeof faults;
const MOVES: Readonly<Record<Name, Move>> = { ...work, ...faults };
const WORK = Object.keys(work) as Name[];
const FAULTS = Object.keys(faults) as Name[];

/** What moves a task on, once more: most histories shall get somewhere. */
const ON: readonly Name[] = [
  'begin a pass',
  'message arrives',
  'message arrives',
  'close a pass',
  'carry a job',
  'carry a job',
  'take a job',
  'take a job',
  'claim',
  'claim',
  'deliver',
  'report',
  'report',
  'read attempts',
  'settle',
  'synthesize',
  'finish a synthesis',
];

/** What a history is full of: a bit of everything; hosts that die; agents that fail; orchestrators that die; little at all. */
const TEMPERS: readonly (readonly Name[])[] = [
  [...FAULTS, ...WORK, ...ON, ...ON],
  [
    'kill replica',
    'pause or resume replica',
    'a lease passes',
    'look for due leases',
    'recover',
    'job stalls',
    ...WORK,
    ...ON,
  ],
  ['agent fails', 'agent fails', 'agent fails', 'beat', ...WORK, ...ON, ...ON],
  [
    'kill orchestrator',
    'store goes or comes back',
    'queue is flushed',
    'look for due leases',
    'recover',
    ...WORK,
    ...ON,
  ],
  ['cancel', 'message is lost', 'beat', ...WORK, ...ON, ...ON],
];

/** A move that cannot be made now gives way to another one, so often. */
const TRIES = 8;

/** One number of a history as a move. Returns its name; null if nothing that the number stands for can be done now. */
export function play(world: SimWorld, temper: number, number: number): Name | null {
  const names = TEMPERS[temper % TEMPERS.length]!;
  const rest = Math.floor(number / names.length);
  const [pick, flag] = [rest % 64, Math.floor(rest / 64) % 64];
  const fate = fateOf(Math.floor(rest / 4_096) % 24);
  for (let i = 0; i < TRIES; i += 1) {
    const name = names[(number >>> (2 * i)) % names.length]!;
    if (MOVES[name](world, { pick, flag, fate })) return name;
  }
  return null;
}

function fateOf(number: number): Fate {
  if (number === 0) return 'error';
  return number === 1 ? 'unknown' : 'ok';
}
