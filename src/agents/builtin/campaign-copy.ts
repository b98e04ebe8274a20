import { clip, segmentKey, sentenceCase } from './campaign-brief.ts';
import type { BriefSegment, CampaignBrief, Tone } from './campaign-brief.ts';

/** Longer subjects are cut off by the mail programs of telephones. */
const MAX_SUBJECT_LENGTH = 60;
const MAX_PREHEADER_LENGTH = 100;

export interface SegmentCopy {
  segment: string;
  subject: string;
  preheader: string;
  body: string;
  callToAction: string;
  /** The B of an A/B test: another subject and preheader over the same body. */
  variant: { name: 'B'; subject: string; preheader: string; tests: string };
}

interface Reader {
  name: string;
  need: string;
}

const READERS = new Map<string, Reader>([
  ['enterprise', { name: 'large organisations', need: 'one answer every department can rely on' }],
  ['mid_market', { name: 'growing companies', need: 'more done by the same team' }],
  ['startup', { name: 'young companies', need: 'something that runs the same day' }],
  ['developer', { name: 'developers', need: 'a tool that can be scripted' }],
  ['all_contacts', { name: 'your team', need: 'less work by hand' }],
]);

const VOICES: Record<
  Tone,
  { greeting: string; opening: (product: string, reader: Reader) => string; closing: string }
> = {
  formal: {
    greeting: 'Good day,',
    opening: (product, { name, need }) => `${product} is made for ${name}, and for what they need: ${need}.`,
    closing: 'Kind regards',
  },
  friendly: {
    greeting: 'Hi there,',
    opening: (product, { name, need }) => `Looking for ${need}? ${product} was made with ${name} in mind.`,
    closing: 'Talk soon',
  },
  plain: {
    greeting: 'Hello,',
    opening: (product, { name, need }) => `${product} is for ${name}. What it is about: ${need}.`,
    closing: 'Thank you',
  },
};

/** Subject, preheader, body and call to action for one segment, from the brief's own words set into templates. */
export function writeSegmentCopy(brief: CampaignBrief, segment: BriefSegment): SegmentCopy {
  const reader = readerOf(segment);
  const { product } = brief;
  const promise = brief.productDescription ?? `${product} gives ${reader.name} ${reader.need}`;
  const offer = brief.offer ?? `See what ${product} does for ${reader.name}`;
  return {
    segment: segment.segment,
    subject: firstFitting([`${product}: ${reader.need}`, `${product} for ${reader.name}`, upperFirst(product)]),
    preheader: clip(upperFirst(offer), MAX_PREHEADER_LENGTH),
    body: bodyOf(brief, reader),
    callToAction: brief.callToAction,
    variant: {
      name: 'B',
      subject: firstFitting([
        `${brief.campaignName}: ${offer}`,
        upperFirst(offer),
        `${brief.callToAction}: ${product}`,
      ]),
      preheader: clip(upperFirst(promise), MAX_PREHEADER_LENGTH),
      tests: 'the offer in the subject against the need in the subject',
    },
  };
}

export function readerOf({ segment, need }: Pick<BriefSegment, 'segment' | 'need'>): Reader {
  const known = READERS.get(segmentKey(segment));
  const name = known?.name ?? `${sentenceCase(segment).toLowerCase()} teams`;
  return { name, need: need ?? known?.need ?? 'less work by hand' };
}

function bodyOf(brief: CampaignBrief, reader: Reader): string {
  const voice = VOICES[brief.tone];
  const description = brief.productDescription;
  const paragraphs = [
    voice.greeting,
    voice.opening(upperFirst(brief.product), reader),
    description === null ? '' : clip(sentence(upperFirst(description)), 600),
    brief.benefits.map((benefit) => `- ${benefit}`).join('\n'),
    brief.offer === null ? '' : sentence(upperFirst(brief.offer)),
    `${brief.callToAction}${brief.url === null ? '' : `: ${brief.url}`}`,
    voice.closing,
  ];
  return paragraphs.filter((paragraph) => paragraph !== '').join('\n\n');
}

function firstFitting(subjects: string[]): string {
  return (
    subjects.find((subject) => subject.length <= MAX_SUBJECT_LENGTH) ?? clip(subjects.at(-1) ?? '', MAX_SUBJECT_LENGTH)
  );
}

function sentence(text: string): string {
  return /[.!?…]$/.test(text) ? text : `${text}.`;
}

export function upperFirst(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
