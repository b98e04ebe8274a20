import { z } from 'zod';
import type { SubtaskInput } from '../../contracts/agent-definition.ts';

export const TONES = ['formal', 'friendly', 'plain'] as const;
export type Tone = (typeof TONES)[number];

const text = (maxLength: number) => z.string().trim().min(1).max(maxLength);
const amount = z.number().min(0).max(1e12);

const segmentSchema = z.preprocess(
  (value) => (typeof value === 'string' ? { segment: value } : value),
  z.object({ segment: text(64), reach: z.number().int().min(0).max(1e9).optional(), need: text(200).optional() }),
);

const unitCostsSchema = z.object({
  creativePerSegment: amount.optional(),
  advertisingPerContact: amount.optional(),
  perSend: amount.optional(),
});

/** What a brief may say; each member may be left out. Money is in `currency`. */
const briefFields = {
  campaignName: text(200),
  product: text(100),
  productDescription: text(4000),
  benefits: z.array(text(200)).max(10),
  targetAudience: text(64),
  segments: z.array(segmentSchema).min(1).max(50),
  tone: z.enum(TONES),
  offer: text(300),
  callToAction: text(60),
  url: text(500),
  launchDate: z.iso.date(),
  budget: amount,
  currency: text(8),
  unitCosts: unitCostsSchema,
  sendsPerContact: z.number().int().min(1).max(100),
  grossMarginPercent: z.number().min(0).max(100),
  campaignMonths: z.number().min(0.1).max(120),
};

type BriefFields = typeof briefFields;
type GivenBrief = { [Field in keyof BriefFields]?: z.output<BriefFields[Field]> };

export interface BriefSegment {
  segment: string;
  /** Contacts that the brief asks to reach; null where it does not say. */
  reach: number | null;
  need: string | null;
}

export interface CampaignBrief {
  campaignName: string;
  product: string;
  productDescription: string | null;
  benefits: string[];
  segments: BriefSegment[];
  tone: Tone;
  offer: string | null;
  callToAction: string;
  url: string | null;
  /** `YYYY-MM-DD`. */
  launchDate: string | null;
  budget: number | null;
  currency: string;
  /** In `currency`. */
  unitCosts: { creativePerSegment: number; advertisingPerContact: number; perSend: number };
  sendsPerContact: number;
  grossMarginPercent: number;
  campaignMonths: number;
}

type Topic = 'message' | 'cost' | 'returns' | 'brief';

export interface ReadBrief {
  brief: CampaignBrief;
  /** What was taken for granted, by what it bears on; `brief`: on everything. */
  assumptions: { topic: Topic; text: string }[];
}

type Described = Pick<SubtaskInput, 'type' | 'data'> & { description?: string | undefined };

/**
 * The brief of a task: `data.brief`, or, without one, what `data` itself says in the same words. Members may be in
 * camelCase or snake_case. What is missing gets a default, which `assumptions` states.
 * @throws Error listing every unusable member of `data.brief`; such a member of `data` itself may mean something else
 *   and is passed over, which `assumptions` states too
 */
export function readCampaignBrief(task: Described): ReadBrief {
  const raw = task.data['brief'] ?? null;
  if (raw === null) {
    const { given, faults } = readFields(task.data);
    const passedOver = faults.map((fault) => `data.${fault}: not used.`);
    return withDefaults(given, task, passedOver);
  }
  if (typeof raw === 'string') return withDefaults({}, { ...task, description: raw.trim() || task.description }, []);
  if (typeof raw !== 'object' || Array.isArray(raw)) throw new Error('data.brief must be an object or a text');
  const { given, faults } = readFields(Object.fromEntries(Object.entries(raw)));
  if (faults.length > 0)
    throw new Error(`The brief cannot be used: ${faults.map((f) => `data.brief.${f}`).join('; ')}`);
  return withDefaults(given, task, []);
}

function readFields(source: Record<string, unknown>): { given: GivenBrief; faults: string[] } {
  const named = new Map(Object.entries(source).map(([key, value]) => [camelCase(key), value]));
  const given: Record<string, unknown> = {};
  const faults: string[] = [];
  for (const [field, schema] of Object.entries(briefFields)) {
    const value = named.get(field) ?? null;
    if (value === null || value === '') continue;
    const read = schema.safeParse(value);
    if (read.success) given[field] = read.data;
    else faults.push(...read.error.issues.map((issue) => `${[field, ...issue.path].join('.')}: ${issue.message}`));
  }
  return { given: given, faults };
}

function camelCase(key: string): string {
  return key.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function withDefaults(given: GivenBrief, task: Described, passedOver: string[]): ReadBrief {
  const assumptions = passedOver.map((text): ReadBrief['assumptions'][number] => ({ topic: 'brief', text }));
  const or = <Value>(value: Value | undefined, fallback: Value, topic: Topic, assumption: string): Value => {
    if (value === undefined) assumptions.push({ topic, text: assumption });
    return value ?? fallback;
  };
  const costs = given.unitCosts ?? {};
  const brief: CampaignBrief = {
    campaignName: given.campaignName ?? sentenceCase(task.type),
    product: or(given.product, 'our product', 'message', 'No product was named.'),
    productDescription: given.productDescription ?? firstWords(task.description, 400),
    benefits: given.benefits ?? [],
    segments: or(
      given.segments,
      [audienceOf(given)],
      'cost',
      'No segments were listed: the whole audience is one.',
    ).map((segment) => ({ reach: null, need: null, ...segment })),
    tone: or(given.tone, 'plain', 'message', 'No tone was given: plain.'),
    offer: given.offer ?? null,
    callToAction: given.callToAction ?? 'Book a demo',
    url: given.url ?? null,
    launchDate: given.launchDate ?? null,
    budget: given.budget ?? null,
    currency: or(given.currency, 'USD', 'cost', 'No currency was given: USD.'),
    unitCosts: {
      creativePerSegment: or(costs.creativePerSegment, 500, 'cost', 'Creative work costs 500 a segment.'),
      advertisingPerContact: or(costs.advertisingPerContact, 0.5, 'cost', 'Advertising costs 0.50 a contact.'),
      perSend: or(costs.perSend, 0.01, 'cost', 'A send costs 0.01.'),
    },
    sendsPerContact: or(given.sendsPerContact, 3, 'cost', 'Each contact gets 3 sends.'),
    grossMarginPercent: or(given.grossMarginPercent, 70, 'returns', 'The gross margin is 70 %.'),
    campaignMonths: or(given.campaignMonths, 3, 'returns', 'The revenue comes in over 3 months.'),
  };
  return { brief, assumptions };
}

function audienceOf(given: GivenBrief): { segment: string } {
  return { segment: given.targetAudience ?? 'all_contacts' };
}

/** The assumptions that bear on the topics, and those on the whole brief. */
export function assumptionsOn(read: ReadBrief, ...topics: Topic[]): string[] {
  return read.assumptions.filter(({ topic }) => topic === 'brief' || topics.includes(topic)).map(({ text }) => text);
}

/** `mid_market` → `Mid market`. */
export function sentenceCase(slug: string): string {
  const words = slug.replaceAll(/[_-]+/g, ' ').trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** Segments are compared by this: `Mid Market`, `mid-market` and `mid_market` are one. */
export function segmentKey(segment: string): string {
  return segment
    .trim()
    .toLowerCase()
    .replaceAll(/[\s_-]+/g, '_');
}

function firstWords(description: string | undefined, maxLength: number): string | null {
  const trimmed = description?.trim() ?? '';
  return trimmed === '' ? null : clip(trimmed, maxLength);
}

/** `content` as it is, or cut at a word's end, with an ellipsis, to at most `maxLength` characters. */
export function clip(content: string, maxLength: number): string {
  if (content.length <= maxLength) return content;
  const cut = content.slice(0, maxLength - 1).replace(/[\ud800-\udbff]$/, '');
  const atWord = cut.replace(/\s+\S*$/, '');
  return `${atWord.length > maxLength / 2 ? atWord : cut}…`;
}
