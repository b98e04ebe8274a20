import { z } from 'zod';
import { jsonObjectSchema } from '../../contracts/primitives.ts';
import { assumptionsOn, clip, readCampaignBrief } from './campaign-brief.ts';
import { upperFirst } from './campaign-copy.ts';
import { ruleBasedWork } from './skill-work.ts';
import type { AgentDefinition, SubtaskInput } from '../../contracts/agent-definition.ts';
import type { CampaignBrief } from './campaign-brief.ts';
import type { SkillWork } from './skill-work.ts';

const line = z.string().trim().min(1).max(2000);
const issueSchema = z.object({ problem: line, cause: line.optional(), fix: line.optional() });
const issuesSchema = z
  .array(z.preprocess((value) => (typeof value === 'string' ? { problem: value } : value), issueSchema))
  .max(200);
const featuresSchema = z.array(line).max(200);

type Issue = z.output<typeof issueSchema>;

interface Subject {
  brief: CampaignBrief;
  features: string[];
  issues: Issue[];
  question: string | null;
  assumptions: string[];
}

/** Reads `features`, `knownIssues` and `question`, in `data` or in its `brief`. */
function readSubject(subtask: SubtaskInput): Subject {
  const read = readCampaignBrief(subtask);
  const inBrief = jsonObjectSchema.safeParse(subtask.data['brief']).data;
  const given = new Map(Object.entries({ ...inBrief, ...subtask.data }));
  const features = listOf(featuresSchema, given.get('features'), 'features must be a list of texts');
  const issues = listOf(
    issuesSchema,
    given.get('knownIssues'),
    'knownIssues must list texts or {problem, cause?, fix?}',
  );
  const asked = given.get('question');
  const question = typeof asked === 'string' ? asked.trim() : '';
  return {
    brief: read.brief,
    features: features.length > 0 ? features : read.brief.benefits,
    issues,
    question: question === '' ? null : question,
    assumptions: [
      ...assumptionsOn(read),
      ...(issues.length === 0 ? ['No known issues were given (data.knownIssues): general steps only.'] : []),
    ],
  };
}

function listOf<Item>(schema: z.ZodType<Item[]>, value: unknown, message: string): Item[] {
  const read = schema.safeParse(value ?? []);
  if (!read.success) throw new Error(message);
  return read.data;
}

const answerQuestions: SkillWork = (subtask) => {
  const { brief, features, issues, question, assumptions } = readSubject(subtask);
  const about = brief.productDescription ?? `${upperFirst(brief.product)} has no description yet.`;
  const match = question === null ? undefined : bestMatch(question, issues);
  return {
    ...(question !== null && { question, answer: match === undefined ? null : (match.fix ?? match.cause ?? null) }),
    faq: [
      { question: `What is ${brief.product}?`, answer: about },
      ...(features.length > 0 ? [{ question: 'What can it do?', answer: features.join('; ') }] : []),
      ...issues.map(({ problem, cause, fix }) => ({
        question: `What to do about this: ${problem}`,
        answer: fix ?? cause ?? 'Follow the general steps, then hand it to a person.',
      })),
    ],
    handOver: 'To a person, if no answer here fits or the customer asks for one.',
    assumptions:
      question !== null && match === undefined
        ? [...assumptions, 'No known issue fits the question: it is left to a person.']
        : assumptions,
  };
};

/** The issue that shares most words of four letters or more with the question; undefined if none shares any. */
function bestMatch(question: string, issues: Issue[]): Issue | undefined {
  const asked = wordsOf(question);
  const scored = issues.map((issue) => ({
    issue,
    shared: [...wordsOf(issue.problem)].filter((word) => asked.has(word)).length,
  }));
  return scored.filter(({ shared }) => shared > 0).sort((a, b) => b.shared - a.shared)[0]?.issue;
}

function wordsOf(text: string): Set<string> {
  return new Set(text.toLowerCase().match(/[\p{L}\p{N}]{4,}/gu));
}

const writeDocumentation: SkillWork = (subtask) => {
  const { brief, features, issues, assumptions } = readSubject(subtask);
  const product = upperFirst(brief.product);
  const sections = [
    { heading: 'What it is', body: brief.productDescription ?? `${product} has no description yet.` },
    { heading: 'How to begin', body: `1. Open ${brief.url ?? brief.product}.\n2. ${brief.callToAction}.` },
    ...(features.length > 0 ? [{ heading: 'What it does', body: bullets(features) }] : []),
    ...(issues.length > 0 ? [{ heading: 'Known issues', body: bullets(issues.map(issueLine)) }] : []),
    { heading: 'Where to get help', body: 'Say what you did, what you expected, and what happened instead.' },
  ];
  return { title: clip(`${product}: a guide`, 120), sections, assumptions };
};

const writeTroubleshooting: SkillWork = (subtask) => {
  const { brief, issues, assumptions } = readSubject(subtask);
  const general: Issue = { problem: `${upperFirst(brief.product)} does not do what is expected` };
  return {
    guide: (issues.length > 0 ? issues : [general]).map(({ problem, cause, fix }) => ({
      problem,
      cause: cause ?? null,
      steps: [
        'Write down the exact message and the time.',
        'Try again with the smallest input that shows it.',
        ...(cause === undefined
          ? ['Undo the last change and see whether it goes away.']
          : [`Look whether this is so: ${cause}`]),
        fix ?? 'Hand it to a person, with what was written down.',
      ],
    })),
    assumptions,
  };
};

function bullets(lines: string[]): string {
  return lines.map((text) => `- ${text}`).join('\n');
}

function issueLine({ problem, fix }: Issue): string {
  return fix === undefined ? problem : `${problem} → ${fix}`;
}

const workBySkill: Record<string, SkillWork> = {
  support: answerQuestions,
  documentation: writeDocumentation,
  troubleshooting: writeTroubleshooting,
};

/** Guides from what is known of a product. */
export const support: AgentDefinition = {
  id: 'support',
  name: 'Support',
  skills: Object.keys(workBySkill),
  execute: ruleBasedWork(workBySkill),
};
