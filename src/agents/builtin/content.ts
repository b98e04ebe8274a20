import { z } from 'zod';
import { assumptionsOn, clip, readCampaignBrief } from './campaign-brief.ts';
import { readerOf, upperFirst } from './campaign-copy.ts';
import { extractKeywords } from './keywords.ts';
import type { SubtaskInput } from '../../contracts/agent-definition.ts';
import type { CampaignBrief } from './campaign-brief.ts';
import type { WorkOutput } from './skill-work.ts';

const MAX_META_TITLE_LENGTH = 60;
const MAX_META_DESCRIPTION_LENGTH = 155;
const MAX_KEYWORDS = 10;

/** Longest post of each network, in characters. */
const POST_LIMITS = new Map([
  ['linkedin', 3000],
  ['x', 280],
  ['facebook', 2000],
  ['instagram', 2200],
  ['bluesky', 300],
  ['mastodon', 500],
]);
const SHORTEST_POST_LIMIT = 280;
const networksSchema = z.array(z.string().trim().min(1).max(64)).min(1).max(20);

/** Headlines, a landing page and the outline of an article. */
export function createContent(subtask: SubtaskInput): WorkOutput {
  const read = readCampaignBrief(subtask);
  const { brief } = read;
  const readers = brief.segments.map(readerOf);
  return {
    pieces: [
      ...readers.map(({ name, need }) => ({
        kind: 'headline',
        audience: name,
        text: `${upperFirst(brief.product)}: ${need}`,
      })),
      {
        kind: 'landing_page',
        headline: upperFirst(brief.product),
        subheading: clip(brief.offer ?? brief.productDescription ?? `Made for ${readers[0]?.name ?? 'you'}`, 160),
        bullets: brief.benefits.length > 0 ? brief.benefits : readers.map(({ need }) => upperFirst(need)),
        callToAction: brief.callToAction,
      },
      {
        kind: 'article_outline',
        title: `How ${readers[0]?.name ?? 'your team'} can use ${brief.product}`,
        sections: ['What is in the way today', `What ${brief.product} changes`, ...brief.benefits, 'How to begin'],
      },
    ],
    assumptions: assumptionsOn(read, 'message'),
  };
}

/** One post for each network of `data.networks`, within its limit. */
export function writePosts(subtask: SubtaskInput): WorkOutput {
  const read = readCampaignBrief(subtask);
  const given = subtask.data['networks'] ?? null;
  const networks = networksSchema.safeParse(given ?? ['linkedin', 'x', 'facebook']);
  if (!networks.success) throw new Error('data.networks must be a list of 1 to 20 names of networks');
  return {
    posts: networks.data.map((network) => postFor(network, read.brief)),
    assumptions: [
      ...assumptionsOn(read, 'message'),
      ...(given === null ? ['No networks were named (data.networks): LinkedIn, X and Facebook.'] : []),
    ],
  };
}

function postFor(network: string, brief: CampaignBrief) {
  const limitCharacters = POST_LIMITS.get(network.toLowerCase()) ?? SHORTEST_POST_LIMIT;
  const end = `${brief.callToAction}${brief.url === null ? '' : `: ${brief.url}`} ${hashtag(brief.product)}`;
  const [reader] = brief.segments.map(readerOf);
  const promise = brief.offer ?? brief.productDescription ?? `made for ${reader?.name ?? 'you'}`;
  const start = clip(`${upperFirst(brief.product)}: ${promise}`, Math.max(limitCharacters - end.length - 2, 40));
  const text = clip(`${start}\n\n${end}`, limitCharacters);
  return { network, text, characters: text.length, limitCharacters };
}

function hashtag(product: string): string {
  return `#${product.replaceAll(/[^\p{L}\p{N}]+/gu, '')}`;
}

/** Keywords of the description and the brief, and the texts that a search engine shows. */
export function optimiseForSearch(subtask: SubtaskInput): WorkOutput {
  const read = readCampaignBrief(subtask);
  const { brief } = read;
  const parts = [subtask.description, brief.product, brief.productDescription, brief.offer, ...brief.benefits];
  const source = [...new Set(parts.filter((part) => typeof part === 'string'))].join(' ');
  const [reader] = brief.segments.map(readerOf);
  return {
    keywords: extractKeywords(source, MAX_KEYWORDS),
    metaTitle: clip(`${upperFirst(brief.product)} for ${reader?.name ?? 'your team'}`, MAX_META_TITLE_LENGTH),
    metaDescription: clip(brief.productDescription ?? brief.offer ?? brief.campaignName, MAX_META_DESCRIPTION_LENGTH),
    slug: slugOf(brief.product),
    assumptions: [...assumptionsOn(read, 'message'), 'Keywords are counted in the brief; no search volumes are known.'],
  };
}

function slugOf(text: string): string {
  return text
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]+/gu, '-')
    .replaceAll(/^-|-$/g, '');
}
