import { readFile } from 'node:fs/promises';
import { POISON_EXIT_CODE } from './agents.ts';
import type { Check } from './checks.ts';
import type { Exit } from './supervised.ts';

/** What the market's pool may open to PostgreSQL for one process, migration aside. */
const CONNECTIONS_PER_PROCESS = 12;
/** Of one process, in MiB: about twice what it takes at its busiest. */
const MOST_MEMORY_MIB = 400;

export const logChecks: Check[] = [
  {
    id: 'S12',
    says: 'no process ended other than by our signal, and nothing was thrown that nobody caught',
    counts: 'broken',
    find: async ({ site }) =>
      site.processes.flatMap((one) => [
        ...one.exits
          .filter((exit) => isUnexplained(exit, site.roleOf.get(one) === 'poison'))
          .map(
            (exit) =>
              `${one.name} ended with ${exit.signal ?? exit.code}: ${exit.lastLines.join(' ⏎ ').slice(0, 1_500)}`,
          ),
        ...one.uncaught.map((line) => `${one.name}: ${line.slice(0, 500)}`),
      ]),
  },
  {
    id: 'S13',
    says: 'no deadlock, and no transaction is left idle',
    counts: 'broken',
    find: async ({ site }) => {
      const said = await site.postgres.newlySaid();
      const idle = await site.postgres.ask<{ query: string }>(
        `select query from pg_stat_activity where state like 'idle in transaction%' and state_change < now() - interval '5 s'`,
      );
      return [
        ...said
          .split(/\n(?=\d{4}-)/)
          .flatMap((entry, i, all) => (entry.includes('deadlock detected') ? [all.slice(i, i + 4).join(' ⏎ ')] : [])),
        ...idle.map(({ query }) => `idle in transaction: ${query.slice(0, 200)}`),
      ];
    },
  },
  {
    id: 'L3',
    says: `connections to PostgreSQL are as many as before the faults, and no process holds more than ${MOST_MEMORY_MIB} MiB`,
    counts: 'broken',
    find: async ({ site }) => {
      const [row] = await site.postgres.ask<{ count: number }>(
        `select count(*)::int as count from pg_stat_activity where application_name like 'swarmbid-%'`,
      );
      const most = CONNECTIONS_PER_PROCESS * site.processes.length;
      const memory = await Promise.all(
        site.processes.map(async (one) => ({
          name: one.name,
          mib: one.pid === undefined ? 0 : await memoryMib(one.pid),
        })),
      );
      return [
        ...(row === undefined || row.count <= most ? [] : [`${row.count} connections, at most ${most} expected`]),
        ...memory.filter(({ mib }) => mib > MOST_MEMORY_MIB).map(({ name, mib }) => `${name} holds ${mib} MiB`),
      ];
    },
  },
];

/** Resident. */
async function memoryMib(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Math.round(Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1_024);
}

/** A store that was away is a reason not to start; a poisonous task is one to end. */
function isUnexplained(exit: Exit, poisonous: boolean): boolean {
  if (exit.expected) return false;
  if (poisonous) return !(exit.code === POISON_EXIT_CODE || exit.signal === 'SIGABRT' || exit.code === 134);
  return exit.wasUp || !exit.storesAway;
}
