import { allDiffer, everyItem, everySegmentOfTheBrief, objectWith, withinBudget } from './skill-record.ts';
import type { SkillRecord } from './skill-record.ts';

const campaignChecks = [
  {
    name: 'every segment has a subject of 1–60 characters',
    expression: everyItem('value.segments', '$length(subject) > 0 and $length(subject) <= 60'),
    weight: 3,
  },
  {
    name: 'every segment has a call to action that its body repeats',
    expression: everyItem('value.segments', '$length(callToAction) > 0 and $contains(body, callToAction)'),
    weight: 2,
  },
  {
    name: 'every segment has a preheader of 30–100 characters',
    expression: everyItem('value.segments', '$length(preheader) >= 30 and $length(preheader) <= 100'),
    weight: 1,
  },
  {
    name: 'no two segments get the same body',
    expression: allDiffer('value.segments.body'),
    weight: 2,
  },
  {
    name: 'no two segments get the same preheader',
    expression: allDiffer('value.segments.preheader'),
    weight: 1,
  },
  {
    name: 'no two segments get the same subject, in the variants neither',
    expression: allDiffer('$append(value.segments.subject, value.segments.variant.subject)'),
    weight: 1,
  },
  {
    name: 'every segment has a variant with another subject',
    expression: everyItem('value.segments', '$length(variant.subject) > 0 and variant.subject != subject'),
    weight: 1,
  },
  {
    name: 'every segment of the brief is written for',
    expression: `$count(value.segments) > 0 and ${everySegmentOfTheBrief('value.segments.segment')}`,
    weight: 2,
  },
  {
    name: 'the estimated cost is the sum over the segments',
    expression: '$abs(value.estimatedCost - $sum(value.segments.cost)) <= 1',
    weight: 3,
  },
  {
    name: 'the estimated cost is within the brief’s budget',
    expression: withinBudget('value.estimatedCost'),
    weight: 2,
  },
];

const campaignSchema = objectWith({ segments: { type: 'array' }, estimatedCost: { type: 'number', minimum: 0 } });

export const marketingSkills: SkillRecord[] = [
  {
    id: 'marketing',
    description: 'Plans a campaign: copy, send time, reach and cost for each segment.',
    outputSchema: campaignSchema,
    checks: campaignChecks,
  },
  {
    id: 'email_campaigns',
    description: 'Plans an e-mail campaign: copy, send time, reach and cost for each segment.',
    outputSchema: campaignSchema,
    checks: campaignChecks,
  },
  {
    id: 'content_creation',
    description: 'Writes headlines, landing pages and outlines of articles.',
    outputSchema: objectWith({ pieces: { type: 'array' } }),
    checks: [
      { name: 'there is at least one piece', expression: '$count(value.pieces) > 0', weight: 1 },
      {
        name: 'every piece says what kind it is',
        expression: everyItem('value.pieces', '$length(kind) > 0'),
        weight: 1,
      },
    ],
  },
  {
    id: 'social_media',
    description: 'Writes posts for social networks.',
    outputSchema: objectWith({ posts: { type: 'array' } }),
    checks: [
      {
        name: 'every post has text within its network’s limit',
        expression: everyItem('value.posts', '$length(text) > 0 and $length(text) <= limitCharacters'),
        weight: 2,
      },
      {
        name: 'no network gets two posts',
        expression: allDiffer('value.posts.network'),
        weight: 1,
      },
    ],
  },
  {
    id: 'seo',
    description: 'Finds keywords and writes what a search engine shows.',
    outputSchema: objectWith({ keywords: { type: 'array' } }),
    checks: [
      { name: 'there are at least three keywords', expression: '$count(value.keywords) >= 3', weight: 2 },
      {
        name: 'the title has 1–60 characters',
        expression: '$length(value.metaTitle) > 0 and $length(value.metaTitle) <= 60',
        weight: 1,
      },
      {
        name: 'the description has 50–155 characters',
        expression: '$length(value.metaDescription) >= 50 and $length(value.metaDescription) <= 155',
        weight: 1,
      },
    ],
  },
];
