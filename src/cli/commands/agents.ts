import type { Command } from 'commander';
import type { AgentView } from '../../sdk/index.ts';
import { allItems } from '../all-items.ts';
import { onAction, withExamples, type CommandHost } from '../command.ts';
import type { Colors } from '../colors.ts';
import { EXIT } from '../exit-codes.ts';
import { formatList, formatNumber, formatPercent } from '../format.ts';
import { renderTable, type Column } from '../table.ts';

const COLUMNS: Column[] = [
  { title: 'agent' },
  { title: 'tier' },
  { title: 'reputation', align: 'right' },
  { title: 'load', align: 'right' },
  { title: 'health' },
  { title: 'pool' },
  { title: 'replicas', align: 'right' },
  { title: 'skills' },
];

export function addAgentsCommand(program: Command, host: CommandHost): void {
  const command = program.command('agents').description('the agents: tier, reputation, load, health, pool and skills');
  withExamples(command, 'swarmbid agents', "swarmbid agents --json | jq '.items[].id'");
  onAction(host, command, async (session) => {
    const items = await allItems((page) => session.client.agents(page));
    const rows = items.map((agent) => agentRow(agent, session.colors));
    session.print(...(rows.length === 0 ? ['No agents are registered.'] : renderTable(COLUMNS, rows, session.colors)));
    session.printDocument({ items, nextCursor: null });
    return EXIT.done;
  });
}

function agentRow(agent: AgentView, colors: Colors): string[] {
  return [
    agent.id,
    agent.tier,
    formatNumber(agent.reputation),
    formatPercent(agent.loadPercent),
    healthOf(agent, colors),
    agent.pool ?? '–',
    String(agent.replicas.length),
    formatList(agent.skills),
  ];
}

function healthOf(agent: AgentView, colors: Colors): string {
  if (agent.status !== 'active') return colors.yellow(agent.status);
  if (agent.healthy) return colors.green('healthy');
  const reason = agent.replicas.find((replica) => replica.reason !== null)?.reason;
  return colors.red(agent.replicas.length === 0 ? 'not served' : (reason ?? 'unhealthy'));
}
