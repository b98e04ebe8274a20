import { Session, type Profiler } from 'node:inspector/promises';
import path from 'node:path';

const SAMPLE_US = 500;
const LISTED_FUNCTIONS = 12;

/** Where a process spent its thread, by the function that was on top of the stack. */
export interface ProfileSummary {
  /** Of the profiled time; the rest the thread was idle. */
  busyPercent: number;
  /** Self time by package, room of src/, or kind of built-in; percent of the busy time, most first. */
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
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const groups = new Map<string, number>();
  const functions = new Map<string, number>();
  let idle = 0;
  let busy = 0;
  profile.samples?.forEach((id, index) => {
    const frame = nodes.get(id)?.callFrame;
    const micros = Math.max(0, profile.timeDeltas?.[index] ?? 0);
    if (frame === undefined || frame.functionName === '(idle)') {
      idle += micros;
      return;
    }
    busy += micros;
    const group = groupOf(frame);
    add(groups, group, micros);
    add(functions, `${group}: ${frame.functionName || '(anonymous)'}`, micros);
  });
  const shares = (sums: Map<string, number>) =>
    [...sums].sort(([, a], [, b]) => b - a).map(([name, micros]) => ({ name, percent: share(micros, busy) }));
  return {
    busyPercent: share(busy, busy + idle),
    groups: shares(groups).map(({ name, percent }) => ({ group: name, percent })).filter(({ percent }) => percent >= 0.5),
    functions: shares(functions).slice(0, LISTED_FUNCTIONS),
  };
}

function groupOf({ url, functionName }: { url: string; functionName: string }): string {
  if (functionName === '(garbage collector)') return 'garbage collection';
  const dependency = /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1];
  if (dependency !== undefined) return dependency;
  const room = /\/src\/([^/]+)\//.exec(url)?.[1];
  if (room !== undefined) return `src/${room}`;
  if (url.startsWith('node:')) return 'node';
  if (url === '') return 'native (JSON, sockets, strings)';
  return path.basename(path.dirname(url));
}

function add(sums: Map<string, number>, name: string, micros: number): void {
  sums.set(name, (sums.get(name) ?? 0) + micros);
}

const share = (part: number, whole: number) => (whole === 0 ? 0 : Math.round((1_000 * part) / whole) / 10);
