import { InvalidArgumentError, Option, type Command } from 'commander';
import { TIERS, type Tier } from '../../contracts/agent.ts';
import type { AgentReputation, LeaderboardRow } from '../../sdk/index.ts';
import type { Colors } from '../colors.ts';
import { onAction, withExamples, type CommandHost } from '../command.ts';
import { EXIT, UsageError } from '../exit-codes.ts';
import { formatDuration, formatNumber, formatShare, formatSigned, printable } from '../format.ts';
import { renderTable, type Column } from '../table.ts';

interface ReputationOptions {
  skill?: string;
  tier?: Tier;
  limit?: number;
  from?: string;
  to?: string;
}

export function addReputationCommand(program: Command, host: CommandHost): void {
  const command = program
    .command('reputation')
    .description("the leaderboard (needs an admin's key), or one agent's ledger")
    .argument('[agent]', 'the agent; left out: the leaderboard')
    .option('--skill <skill>', 'leaderboard: by what was done with this skill')
    .addOption(new Option('--tier <tier>', 'leaderboard: of this tier').choices(TIERS))
    .option('--limit <n>', 'leaderboard: how many, 1–200', parseLimit)
    .option('--from <time>', 'ledger: entries from this time on (ISO 8601)')
    .option('--to <time>', 'ledger: entries up to this time (ISO 8601)');
  withExamples(
    command,
    'swarmbid reputation',
    'swarmbid reputation --skill finance --limit 10',
    'swarmbid reputation finance',
  );
  onAction<ReputationOptions>(host, command, async (session, options, [agentId]) => {
    refuseMixedOptions(options, agentId);
    if (agentId === undefined) {
      const page = await session.client.leaderboard(pick(options, ['skill', 'tier', 'limit']));
      session.print(...renderLeaderboard(page.items, session.colors));
      session.printDocument(page);
    } else {
      const reputation = await session.client.reputation(agentId, pick(options, ['from', 'to']));
      session.print(...renderReputation(reputation, session.colors));
      session.printDocument(reputation);
    }
    return EXIT.done;
  });
}

function parseLimit(text: string): number {
  const limit = Number(text);
  if (!Number.isInteger(limit) || limit < 1 || limit > 200)
    throw new InvalidArgumentError('must be a whole number from 1 to 200.');
  return limit;
}

function refuseMixedOptions(options: ReputationOptions, agentId: string | undefined): void {
  const foreign = agentId === undefined ? (['from', 'to'] as const) : (['skill', 'tier', 'limit'] as const);
  const given = foreign.filter((name) => options[name] !== undefined).map((name) => `--${name}`);
  if (given.length === 0) return;
  throw new UsageError(
    `${given.join(', ')} ${agentId === undefined ? "is for one agent's ledger: name the agent" : 'is for the leaderboard: leave the agent out'}`,
  );
}

function pick<Name extends keyof ReputationOptions>(
  options: ReputationOptions,
  names: readonly Name[],
): Pick<ReputationOptions, Name> {
  return Object.fromEntries(names.map((name) => [name, options[name]])) as Pick<ReputationOptions, Name>;
}

const LEADERBOARD_COLUMNS: Column[] = [
  { title: 'rank', align: 'right' },
  { title: 'agent' },
  { title: 'tier' },
  { title: 'reputation', align: 'right' },
  { title: 'trend', align: 'right' },
  { title: 'accepted', align: 'right' },
  { title: 'failed', align: 'right' },
  { title: 'success (95 % interval)' },
  { title: 'response', align: 'right' },
  { title: 'in teams', align: 'right' },
];

function renderLeaderboard(rows: readonly LeaderboardRow[], colors: Colors): string[] {
  if (rows.length === 0) return ['No agents.'];
  const cells = rows.map((row) => [
    String(row.rank),
    row.agentId,
    row.tier,
    formatNumber(row.reputation),
    formatSigned(row.trend),
    String(row.successes),
    String(row.failures),
    `${formatShare(row.successRate)}${intervalOf(row)}`,
    row.avgResponseMs === null ? '–' : formatDuration(row.avgResponseMs),
    formatShare(row.teamSuccessRate),
  ]);
  return renderTable(LEADERBOARD_COLUMNS, cells, colors);
}

function intervalOf({ successRateInterval: interval }: LeaderboardRow): string {
  return interval === null ? '' : ` (${formatShare(interval.low)}–${formatShare(interval.high)})`;
}

const SKILL_COLUMNS: Column[] = [
  { title: 'skill' },
  { title: 'accepted', align: 'right' },
  { title: 'failed', align: 'right' },
  { title: 'success', align: 'right' },
  { title: 'quality', align: 'right' },
  { title: 'duration', align: 'right' },
];

const ENTRY_COLUMNS: Column[] = [
  { title: 'at' },
  { title: 'outcome' },
  { title: 'quality', align: 'right' },
  { title: 'delta', align: 'right' },
  { title: 'before → after' },
  { title: 'reason' },
  { title: 'subtask' },
];

function renderReputation(reputation: AgentReputation, colors: Colors): string[] {
  const skills = Object.entries(reputation.bySkill).map(([skill, figures]) => [
    skill,
    String(figures.accepted),
    String(figures.failed),
    formatShare(figures.successRate),
    figures.avgQuality === null ? '–' : formatNumber(figures.avgQuality),
    figures.avgDurationMs === null ? '–' : formatDuration(figures.avgDurationMs),
  ]);
  return [
    `${colors.bold(reputation.agentId)} · reputation ${formatNumber(reputation.reputation)} of 150 · ${reputation.tier}`,
    '',
    ...(skills.length === 0 ? ['Nothing done yet.'] : renderTable(SKILL_COLUMNS, skills, colors)),
    ...(reputation.entries.length === 0
      ? []
      : ['', ...renderTable(ENTRY_COLUMNS, reputation.entries.map(entryRow), colors)]),
  ];
}

function entryRow(entry: AgentReputation['entries'][number]): string[] {
  const { before, after } = entry;
  return [
    entry.at,
    entry.outcome,
    entry.quality === null ? '–' : formatNumber(entry.quality),
    formatSigned(entry.delta),
    before === null || after === null ? 'not folded yet' : `${formatNumber(before)} → ${formatNumber(after)}`,
    entry.reason === null ? '' : printable(entry.reason),
    entry.subtaskId ?? '–',
  ];
}
