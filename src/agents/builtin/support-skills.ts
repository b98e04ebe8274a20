import { everyItem, objectWith } from './skill-record.ts';
import type { SkillRecord } from './skill-record.ts';

export const supportSkills: SkillRecord[] = [
  {
    id: 'support',
    description: 'Answers questions about a product.',
    outputSchema: objectWith({ faq: { type: 'array' } }),
    checks: [
      {
        name: 'every question has an answer',
        expression: everyItem('value.faq', '$length(question) > 0 and $length(answer) > 0'),
        weight: 2,
      },
      {
        name: 'the question asked is answered',
        expression: '$exists(task.data.question) ? $length(value.answer) > 0 : $count(value.faq) > 0',
        weight: 2,
      },
    ],
  },
  {
    id: 'documentation',
    description: 'Writes a guide to a product.',
    outputSchema: objectWith({ sections: { type: 'array' } }),
    checks: [
      {
        name: 'every section has a heading and a body',
        expression: everyItem('value.sections', '$length(heading) > 0 and $length(body) > 0'),
        weight: 2,
      },
      { name: 'there are at least three sections', expression: '$count(value.sections) >= 3', weight: 1 },
    ],
  },
  {
    id: 'troubleshooting',
    description: 'Writes steps to find and mend what is wrong.',
    outputSchema: objectWith({ guide: { type: 'array' } }),
    checks: [
      {
        name: 'every problem has two steps or more',
        expression: everyItem('value.guide', '$count(steps) >= 2'),
        weight: 2,
      },
      {
        name: 'every known issue is there',
        expression: '$count(value.guide) >= $count(task.data.knownIssues) and $count(value.guide) > 0',
        weight: 2,
      },
    ],
  },
];
