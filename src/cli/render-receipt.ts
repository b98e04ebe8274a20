import type { Colors } from './colors.ts';
import type { AwardReceipt, ReceiptRound, ScoredBid } from '../sdk/index.ts';
import { formatList, formatNumber, printable, subtaskLabel } from './format.ts';
import { freePercent, recheckRound } from './recheck-receipt.ts';
import { renderTable } from './table.ts';

/** The receipt as tables that a person can check by hand; every score is computed anew and a disagreement marked. */
export function renderReceipt(receipt: AwardReceipt, colors: Colors): string[] {
  if (receipt.rounds.length === 0) return [`Task ${receipt.taskId} has had no round yet.`];
  return [`Task ${receipt.taskId}`, ...receipt.rounds.flatMap((round) => ['', ...renderRound(round, colors)])];
}

function renderRound(round: ReceiptRound, colors: Colors): string[] {
  const names = round.stepId === undefined ? round.requiredSkills : [`step ${round.stepId}`];
  const what = round.subtaskId === undefined ? 'the whole task' : subtaskLabel(round.subtaskId, names);
  return [
    colors.bold(
      `Round ${round.round} · ${what} · policy ${round.policy} · ${round.outcome.replaceAll('_', ' ')} · ${round.at}`,
    ),
    `Required skills: ${formatList(round.requiredSkills)} (${round.complexity})`,
    ...renderBids(round, colors),
    ...renderPasses(round),
    ...renderChoice(round),
    ...(round.note === undefined ? [] : [`Note: ${printable(round.note)}`]),
  ];
}

function renderBids(round: ReceiptRound, colors: Colors): string[] {
  if (round.bids.length === 0) return ['Bids: none'];
  const { weights } = round;
  const mismatches = recheckRound(round);
  const columns = [
    { title: 'rank', align: 'right' as const },
    { title: 'agent' },
    { title: 'pool' },
    { title: `reputation × ${weights.reputation}` },
    { title: `skill match × ${weights.skillMatch}` },
    { title: `(100 − load) × ${weights.load}` },
    { title: 'score', align: 'right' as const },
    { title: 'check' },
  ];
  const rows = [...round.bids]
    .sort((one, other) => one.rank - other.rank)
    .map((bid) =>
      bidRow(
        round,
        bid,
        mismatches.some((mismatch) => mismatch.agentId === bid.agentId),
        colors,
      ),
    );
  return [
    `Score = reputation × ${weights.reputation} + skill match × ${weights.skillMatch} + (100 − load) × ${weights.load}`,
    `Ties: ${round.tieRule}`,
    ...renderTable(columns, rows, colors),
    ...mismatches.map(({ agentId, what, stated, computed }) =>
      colors.red(
        `MISMATCH ${agentId}: ${what} is stated as ${formatNumber(stated, 6)}, computed as ${formatNumber(computed, 6)}`,
      ),
    ),
  ];
}

function bidRow(round: ReceiptRound, bid: ScoredBid, wrong: boolean, colors: Colors): string[] {
  const { weights } = round;
  const product = (value: number, weight: number, part: number) =>
    `${formatNumber(value, 4)} × ${weight} = ${formatNumber(part, 4)}`;
  const check = wrong ? colors.red('MISMATCH') : colors.green('ok');
  return [
    String(bid.rank),
    bid.agentId,
    bid.pool,
    product(bid.reputation, weights.reputation, bid.parts.reputation),
    product(bid.skillMatch, weights.skillMatch, bid.parts.skillMatch),
    product(freePercent(bid), weights.load, bid.parts.load),
    formatNumber(bid.score, 4),
    bid.refused === undefined ? check : colors.yellow(`refused: ${bid.refused}`),
  ];
}

function renderPasses(round: ReceiptRound): string[] {
  const listed = round.passes.map((pass) => `${pass.agentId} (${pass.reason})`);
  const counts = Object.entries(round.passCounts).map(([reason, count]) => `${count} × ${reason}`);
  return [
    `Passes: ${formatList(listed)}${counts.length === 0 ? '' : ` — in all ${formatList(counts)}`}`,
    `Silent pools: ${formatList(round.silentPools)}`,
  ];
}

function renderChoice(round: ReceiptRound): string[] {
  const steps = round.teamSteps.map(
    (step, index) =>
      `  ${index + 1}. ${step.action} ${step.agentId}${step.skills.length === 0 ? '' : `: ${formatList(step.skills)}`}`,
  );
  const awards = round.awards.map(
    (award) =>
      `  ${subtaskLabel(award.subtaskId, [])} → ${award.agentId}, attempt ${award.attempt}, epoch ${award.epoch}`,
  );
  return [
    ...(steps.length === 0
      ? []
      : ['Team, by score order, then without those whom the others make needless:', ...steps]),
    ...(awards.length === 0 ? ['Awards: none'] : ['Awards:', ...awards]),
    `Uncovered skills: ${formatList(round.uncoveredSkills)}`,
  ];
}
