import type { TaskSubmission } from '../../sdk/index.ts';

export interface Example {
  name: string;
  about: string;
  task: TaskSubmission;
}

/** Tasks that the built-in agents can do; with agents of your own, write your own. */
export const EXAMPLES: readonly Example[] = [
  {
    name: 'Cost review',
    about: 'Two skills, so two agents side by side.',
    task: {
      type: 'cost-review',
      description: 'What do we spend, and where is it going?',
      requiredSkills: ['cost_tracking', 'data_analysis'],
      data: { costs: { hosting: 1500, licences: 450, support: 900 }, series: [1510, 1580, 1640, 1720, 1810] },
    },
  },
  {
    name: 'Help page',
    about: 'One skill, one agent.',
    task: { type: 'faq', description: 'How do I reset my password?', requiredSkills: ['documentation'] },
  },
  {
    name: 'Launch campaign',
    about: 'Three agents, and a rule that the cost must fit the budget.',
    task: {
      type: 'email_campaign_with_analytics',
      description: 'Plan the launch campaign of Meridian Reports for three segments.',
      requiredSkills: ['marketing', 'finance', 'analytics'],
      complexity: 'complex',
      priority: 'high',
      data: {
        brief: {
          campaignName: 'Q1 Product Launch',
          product: 'Meridian Reports',
          productDescription: 'A reporting workspace that turns the week’s operational data into one report.',
          benefits: ['Every figure links to the row that it came from', 'Reports go out by themselves'],
          targetAudience: 'enterprise',
          segments: [
            { segment: 'enterprise', reach: 14000 },
            { segment: 'mid_market', reach: 10000 },
            { segment: 'startup', reach: 8000 },
          ],
          tone: 'formal',
          callToAction: 'Book a demo',
          url: 'https://meridian.example/q1',
          launchDate: '2027-01-11',
          budget: 50000,
          currency: 'USD',
          unitCosts: { creativePerSegment: 4000, advertisingPerContact: 0.85, perSend: 0.012 },
          sendsPerContact: 3,
          grossMarginPercent: 70,
          campaignMonths: 3,
        },
      },
    },
  },
  {
    name: 'Nobody can',
    about: 'A skill that no agent has: announced for five seconds, then failed.',
    task: { type: 'translation', requiredSkills: ['translation'], biddingTimeMs: 5000 },
  },
];
