import { roundMoney } from './rounding.ts';
import type { BriefSegment, CampaignBrief } from './campaign-brief.ts';

/** Shares of a budget: creative work, advertising, tools (which pay for the sending). */
export const BUDGET_SHARES = { creative: 0.3, adSpend: 0.6, tools: 0.1 };
const ASSUMED_BUDGET = 10_000;
const CONTACTS_WHERE_ADVERTISING_IS_FREE = 1000;

export interface SegmentCost {
  segment: string;
  /** Contacts. */
  reach: number;
  sends: number;
  creative: number;
  advertising: number;
  sending: number;
  /** Sum of the three. */
  cost: number;
}

/** What the reach that a brief asks for costs, and what there is to spend. Money is in the brief's currency. */
export interface CampaignCosts {
  segments: SegmentCost[];
  /** Of all segments; it may exceed `allocated`. */
  total: number;
  allocated: number;
  assumptions: string[];
}

/**
 * Prices a brief. A segment without a reach gets what its equal share of the advertising money pays for. Without a
 * budget, what the named reach costs is allocated, or 10,000 where no reach is named either.
 */
export function priceCampaign(brief: CampaignBrief): CampaignCosts {
  const reachIsNamed = brief.segments.some((segment) => segment.reach !== null);
  const adSpend = (brief.budget ?? ASSUMED_BUDGET) * BUDGET_SHARES.adSpend;
  const affordableReach = contactsFor(adSpend / brief.segments.length, brief.unitCosts.advertisingPerContact);
  const segments = brief.segments.map((segment) => priceSegment(brief, segment, segment.reach ?? affordableReach));
  const total = roundMoney(segments.reduce((sum, segment) => sum + segment.cost, 0));
  return {
    segments,
    total,
    allocated: brief.budget ?? (reachIsNamed ? total : ASSUMED_BUDGET),
    assumptions: costAssumptions(brief, reachIsNamed),
  };
}

function priceSegment(brief: CampaignBrief, { segment }: BriefSegment, reach: number): SegmentCost {
  const sends = reach * brief.sendsPerContact;
  const creative = roundMoney(brief.unitCosts.creativePerSegment);
  const advertising = roundMoney(reach * brief.unitCosts.advertisingPerContact);
  const sending = roundMoney(sends * brief.unitCosts.perSend);
  const cost = roundMoney(creative + advertising + sending);
  return { segment, reach, sends, creative, advertising, sending, cost };
}

function contactsFor(money: number, perContact: number): number {
  return perContact === 0 ? CONTACTS_WHERE_ADVERTISING_IS_FREE : Math.floor(money / perContact);
}

function costAssumptions(brief: CampaignBrief, reachIsNamed: boolean): string[] {
  const assumptions: string[] = [];
  if (brief.budget === null && reachIsNamed) {
    assumptions.push('No budget was given: allocated what the requested reach costs.');
  }
  if (brief.budget === null && !reachIsNamed) {
    assumptions.push(`Neither budget nor reach was given: ${ASSUMED_BUDGET} ${brief.currency} are allocated.`);
  }
  const unnamed = brief.segments.filter((segment) => segment.reach === null).map(({ segment }) => segment);
  if (unnamed.length > 0) {
    assumptions.push(
      `No reach was given for ${unnamed.join(', ')}: as many contacts as the advertising money pays for.`,
    );
  }
  return assumptions;
}
