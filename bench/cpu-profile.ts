import { Session, type Profiler } from 'node:inspector/promises';

const SAMPLE_US = 500;
const LISTED_FUNCTIONS = 12;

/** Where a process spent its thread, by the function that was on top of the stack. */
export interface ProfileSummary {
  /** Of the profiled time; the rest the thread was idle. */
  busyPercent: number;
  /** Self time by package or room of src/, with the built-ins that it called; percent of the busy time, most first. */
  groups: { group: string; percent: number }[];
  functions: { name: string; percent: number }[];
}

let session: Session | undefined;

export async function startProfile(): Promise<void> {
  session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.setSamplingInterval', { interval: SAMPLE_US });
  await session.post('Profiler.start');
}

export async function stopProfile(): Promise<ProfileSummary> {
  if (session === undefined) throw new Error('no profile was begun');
  const { profile } = await session.post('Profiler.stop');
  session.disconnect();
  return summarize(profile);
}

function summarize(profile: Profiler.Profile): ProfileSummary {
  const owners = ownersOf(profile.nodes);
  const groups = new Map<string, number>();
  const functions = new Map<string, number>();
  let idle = 0;
  let busy = 0;
  profile.samples?.forEach((id, index) => {
    const owner = owners.get(id);
    const micros = Math.max(0, profile.timeDeltas?.[index] ?? 0);
    if (owner === undefined) {
      idle += micros;
      return;
    }
    busy += micros;
    add(groups, owner.group, micros);
    add(functions, `${owner.group}: ${owner.name}`, micros);
  });
  const shares = (sums: Map<string, number>) =>
    [...sums].sort(([, a], [, b]) => b - a).map(([name, micros]) => ({ name, percent: share(micros, busy) }));
  return {
    busyPercent: share(busy, busy + idle),
    groups: shares(groups)
      .map(({ name, percent }) => ({ group: name, percent }))
      .filter(({ percent }) => percent >= 0.5),
    functions: shares(functions).slice(0, LISTED_FUNCTIONS),
  };
}

/** Of each node, whose time it is: what a package calls in Node or V8 (a write to a socket, JSON) counts as the package's. */
function ownersOf(nodes: readonly Profiler.ProfileNode[]): Map<number, { group: string; name: string }> {
  const parents = new Map(nodes.flatMap((node) => (node.children ?? []).map((child) => [child, node] as const)));
  const owners = new Map<number, { group: string; name: string }>();
  for (const node of nodes) {
    const name = node.callFrame.functionName || '(anonymous)';
    // The profiler's own start and end are nobody's work.
    if (name === '(idle)' || node.callFrame.url.startsWith('node:inspector')) continue;
    let group = groupOf(node.callFrame);
    for (let at = parents.get(node.id); group === undefined && at !== undefined; at = parents.get(at.id))
      group = groupOf(at.callFrame);
    owners.set(node.id, { group: group ?? 'node', name });
  }
  return owners;
}

/** Undefined for a built-in. */
function groupOf({ url, functionName }: { url: string; functionName: string }): string | undefined {
  if (functionName === '(garbage collector)') return 'garbage collection';
  const dependency = /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1];
  if (dependency !== undefined) return dependency;
  const room = /\/src\/([^/]+)\//.exec(url)?.[1];
  if (room !== undefined) return `src/${room}`;
  return url === '' || url.startsWith('node:') ? undefined : 'bench';
}

function add(sums: Map<string, number>, name: string, micros: number): void {
  sums.set(name, (sums.get(name) ?? 0) + micros);
}

const share = (part: number, whole: number) => (whole === 0 ? 0 : Math.round((1_000 * part) / whole) / 10);
