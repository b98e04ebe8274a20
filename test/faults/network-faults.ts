import { setTimeout as delay } from 'node:timers/promises';
import { AMBIGUITIES, type Ambush } from './link.ts';
import { COMMITS, type Commit } from './postgres-frontend.ts';
import type { FaultKind, Scene } from './fault.ts';

const AMBUSH_PATIENCE_MS = 8_000;

/** Some of all links, at least one. */
function someLinks({ site, random }: Scene) {
  const links = random.shuffled(site.links());
  return links.slice(0, random.int(1, Math.ceil(links.length / 2)));
}

const network = (name: string, inflict: (scene: Scene) => Promise<void>): FaultKind => ({
  name: `network-${name}`,
  amount: 60,
  inflict: async (scene) => {
    scene.site.storesAway = true;
    await inflict(scene);
    scene.site.heal();
    scene.site.storesAway = false;
    await delay(scene.random.int(200, 1_000));
    return true;
  },
});

const latency = network('latency', async (scene) => {
  for (const link of someLinks(scene)) link.slow(scene.random.int(50, 300));
  await delay(scene.random.int(1_000, 4_000));
});

/** One way, for a while, and nobody is told: the answers to what arrives do not. */
const stall = network('stall', async (scene) => {
  for (const link of someLinks(scene)) link.stall(scene.random.chance(0.5) ? 'up' : 'down');
  await delay(scene.random.int(1_000, 4_000));
});

/** The peers of what is connected are gone for good, without a closing word. */
const halfOpen = network('half-open', async (scene) => {
  for (const link of someLinks(scene)) link.halfOpen();
  await delay(scene.random.int(500, 2_000));
});

const reset = network('reset', async (scene) => {
  for (const link of someLinks(scene)) link.reset();
});

/** Cut one by one, healed in another order. */
const swizzle = network('swizzle', async (scene) => {
  const links = someLinks(scene);
  for (const link of links) {
    link.cut();
    await delay(scene.random.int(20, 200));
  }
  for (const link of scene.random.shuffled(links)) {
    link.heal();
    await delay(scene.random.int(20, 200));
  }
});

const ambiguous = (commit: Commit): FaultKind => ({
  name: `ambiguous-${commit}`,
  amount: 100,
  inflict: async ({ site, random }) => {
    const sprung = Promise.withResolvers<boolean>();
    const onSprung = () => sprung.resolve(true);
    const ambush: Ambush = { commit, how: random.pick(AMBIGUITIES), sprung: false, onSprung };
    for (const link of site.postgresLinks) link.lay(ambush);
    const caught = await Promise.race([sprung.promise, delay(AMBUSH_PATIENCE_MS, false, { ref: false })]);
    ambush.sprung = true;
    await delay(random.int(50, 300));
    return caught;
  },
});

export const networkFaults: FaultKind[] = [latency, stall, halfOpen, reset, swizzle];
export const ambiguousCommits: FaultKind[] = COMMITS.map(ambiguous);
