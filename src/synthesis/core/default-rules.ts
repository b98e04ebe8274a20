import type { Rule } from '../../contracts/task.ts';

const CAMPAIGN_RULES: readonly Rule[] = [
  {
    name: 'campaign cost within the allocation',
    expression: 'deliveries.marketing.estimatedCost <= deliveries.finance.allocated',
    severity: 'warn',
  },
];

/**
 * The rules of a task that states none, by its type: in a campaign (a type with `campaign` in it) what marketing says it
 * costs must not exceed what finance allocates. Other types have none.
 */
export function rulesForType(type: string): Rule[] {
  return type.includes('campaign') ? CAMPAIGN_RULES.map((rule) => ({ ...rule })) : [];
}
