/** What became of an agent's bids, read off award receipts. Pure. */
import type { AwardReceipt, ReceiptRound, ScoredBid } from '../sdk/index.ts';
import { number, words } from './format.ts';

export interface BidOutcome {
  taskId: string;
  at: string;
  round: number;
  rank: number;
  score: number;
  outcome: 'won' | 'lost' | 'refused' | 'open';
  /** Why, for a person. */
  why: string;
}

/** The agent's bids of these receipts, in the order of the receipts, the last round of each first. */
export function bidsOf(receipts: readonly AwardReceipt[], agentId: string): BidOutcome[] {
  return receipts.flatMap(({ taskId, rounds }) =>
    rounds
      .toReversed()
      .filter((round) => round.outcome !== 'reassigned')
      .flatMap((round) => {
        const bid = round.bids.find((one) => one.agentId === agentId);
        return bid === undefined
          ? []
          : [{ taskId, at: round.at, round: round.round, ...facts(bid), ...judged(bid, round) }];
      }),
  );
}

function facts({ rank, score }: ScoredBid) {
  return { rank, score };
}

function judged(bid: ScoredBid, round: ReceiptRound): Pick<BidOutcome, 'outcome' | 'why'> {
  if (bid.refused !== undefined) return { outcome: 'refused', why: `refused: ${words(bid.refused)}` };
  const parts = round.awards.filter((award) => award.agentId === bid.agentId).length;
  if (parts > 0) return { outcome: 'won', why: wonBy(bid, round, parts) };
  if (round.outcome !== 'awarded')
    return { outcome: 'open', why: `the round was not awarded: ${words(round.outcome)}` };
  return { outcome: 'lost', why: lostBy(bid, round) };
}

function wonBy(bid: ScoredBid, round: ReceiptRound, parts: number): string {
  const rivals = round.bids.filter((one) => one.refused === undefined).length - 1;
  if (rivals === 0) return 'the only bid that stood';
  const taken = round.teamSteps.find((step) => step.agentId === bid.agentId && step.action === 'take');
  if (taken !== undefined && round.awards.length > 1) return `covers ${taken.skills.join(', ')}`;
  return parts === 1 ? 'the best score' : `the best score, ${parts} parts`;
}

function lostBy(bid: ScoredBid, round: ReceiptRound): string {
  const steps = round.teamSteps.filter((step) => step.agentId === bid.agentId);
  if (steps.some((step) => step.action === 'drop')) return 'left out again: others of the team cover its skills';
  if (steps.some((step) => step.action === 'skip')) return 'higher bids cover its skills already';
  const winners = round.bids.filter((one) => round.awards.some((award) => award.agentId === one.agentId));
  const better = winners.map((one) => `${one.agentId} (${number(one.score)})`);
  return better.length === 0 ? 'others were chosen' : `outscored by ${better.join(', ')}`;
}
