import type { AgentView, AwardReceipt, TaskEvent, TaskView } from '../sdk/index.ts';
import { allItems } from './all-items.ts';
import type { Colors } from './colors.ts';
import type { DemoCampaign } from './demo-campaigns.ts';
import { numberField, textField } from './event-fields.ts';
import { followTask } from './follow-task.ts';
import { formatList, formatNumber, formatSigned, printable } from './format.ts';
import { renderOutcome } from './render-task.ts';
import type { Session } from './session.ts';
import { renderTable, type Column } from './table.ts';

export interface ReputationChange {
  agentId: string;
  before: number;
  after: number;
}

export interface CampaignRun {
  title: string;
  /** True if it ended as this brief must end. */
  asExpected: boolean;
  task: Omit<TaskView, 'data'>;
  receipt: AwardReceipt;
  reputation: ReputationChange[];
}

/** Submits one campaign, shows it from announcement to reputations, and tells whether it ended as it must. */
export async function runCampaign(session: Session, campaign: DemoCampaign): Promise<CampaignRun> {
  const { client, colors } = session;
  const agents = await allItems((page) => client.agents(page));
  const submitted = await client.submit(campaign.submission);
  session.print(
    '',
    colors.bold(campaign.title),
    campaign.about,
    `Task ${submitted.id} wants ${formatList(submitted.requiredSkills)}.`,
    '',
  );
  const { task, reputationChanges } = await followTask(session, submitted.id);
  const receipt = await client.award(task.id);
  const reputation = agents.map((agent) => changeOf(agent, reputationChanges));
  session.print(
    '',
    ...renderOutcome(task, colors),
    '',
    ...renderRules(task, colors),
    '',
    ...renderReputations(reputation, colors),
  );
  return {
    title: campaign.title,
    asExpected: endedAsExpected(task, campaign),
    task: withoutData(task),
    receipt,
    reputation,
  };
}

/** The brief and the CSV file, which whoever asks for the run has already. */
function withoutData(task: TaskView): Omit<TaskView, 'data'> {
  const rest: Partial<TaskView> & Omit<TaskView, 'data'> = { ...task };
  delete rest.data;
  return rest;
}

function endedAsExpected({ status, result }: TaskView, { warningExpected }: DemoCampaign): boolean {
  if (status !== 'completed' || result?.success !== true) return false;
  return !warningExpected || result.warnings.length > 0;
}

/** From the agent's reputation before the run through all its changes. */
function changeOf(agent: AgentView, changes: readonly TaskEvent[]): ReputationChange {
  const last = changes.findLast(({ data }) => textField(data, 'agentId') === agent.id);
  const after = last === undefined ? undefined : numberField(last.data, 'after');
  return { agentId: agent.id, before: agent.reputation, after: after ?? agent.reputation };
}

function renderRules(task: TaskView, colors: Colors): string[] {
  const broken = new Set(task.warnings.map((warning) => warning.rule));
  return [
    'Cross-validation of the deliveries:',
    ...task.rules.map((rule) => {
      const verdict = broken.has(rule.name) ? colors.yellow('warning   ') : colors.green('no warning');
      return `  ${verdict}  ${printable(rule.name)}: ${printable(rule.expression)}`;
    }),
    ...(task.rules.length === 0 ? ['  no rules'] : []),
  ];
}

const COLUMNS: Column[] = [
  { title: 'reputation of' },
  { title: 'before', align: 'right' },
  { title: 'after', align: 'right' },
  { title: 'change', align: 'right' },
];

function renderReputations(changes: readonly ReputationChange[], colors: Colors): string[] {
  const rows = changes.map(({ agentId, before, after }) => [
    agentId,
    formatNumber(before),
    formatNumber(after),
    after === before ? '–' : formatSigned(after - before),
  ]);
  return renderTable(COLUMNS, rows, colors);
}
