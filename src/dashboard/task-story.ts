/** What a task's events tell, put together for its page. Pure: the same events give the same story. */
import type { ScoredBid, TaskEvent } from '../sdk/index.ts';
import { isRecord, numberOf, recordOf, recordsOf, textOf, textsOf, type Fields } from './fields.ts';

/** A bid as an event carries it; parts that an older server leaves out are absent. */
export type StoryBid = Pick<ScoredBid, 'agentId' | 'pool' | 'skills' | 'score' | 'rank' | 'reputation' | 'skillMatch'> &
  Pick<ScoredBid, 'loadPercent' | 'parts' | 'confidence' | 'estimatedMs' | 'estimatedCostUsd'> & {
    refused: string | undefined;
  };

export interface StoryRound {
  round: number;
  /** The part that is auctioned anew; undefined for the whole task. */
  subtaskId: string | undefined;
  at: string;
  requiredSkills: string[];
  bids: StoryBid[];
  passes: { agentId: string; reason: string; pool: string }[];
  /** Passes that are counted and not listed. */
  unlistedPasses: number;
  /** Pools that have answered. */
  pools: string[];
  winners: ReadonlySet<string>;
  policy: string | undefined;
}

export interface StoryAttempt {
  subtaskId: string;
  agentId: string;
  attempt: number;
  startedAtMs: number;
  /** Null while it runs. */
  endedAtMs: number | null;
  state: 'running' | 'accepted' | 'failed';
  /** Why it failed, as a code. */
  reason: string | undefined;
  percent: number;
  note: string | undefined;
  quality: number | undefined;
}

export interface TaskStory {
  rounds: StoryRound[];
  attempts: StoryAttempt[];
  /** What each subtask answers for, by its id. */
  skills: ReadonlyMap<string, string[]>;
}

export function tellStory(events: readonly TaskEvent[]): TaskStory {
  const story = new Story();
  for (const event of events) story.take(event);
  return story;
}

class Story implements TaskStory {
  readonly rounds: StoryRound[] = [];
  readonly attempts: StoryAttempt[] = [];
  readonly skills = new Map<string, string[]>();

  take({ type, at, data }: TaskEvent): void {
    if (type === 'task.announced') this.#announced(at, data);
    else if (type === 'bids.received') this.#bids(at, data);
    else if (type === 'task.awarded') this.#awarded(at, data);
    else if (type === 'subtask.started') this.#started(at, data);
    else if (type === 'subtask.progress') this.#progress(data);
    else if (type === 'subtask.accepted') this.#ended(at, data, 'accepted');
    else if (type === 'subtask.failed') this.#ended(at, data, 'failed');
    else if (type === 'task.cancelled' || type === 'task.expired' || type === 'task.failed') this.#broken(at);
  }

  #announced(at: string, data: Fields): void {
    const round = this.#round(at, data);
    round.requiredSkills = textsOf(data, 'requiredSkills');
    round.subtaskId = textOf(data, 'subtaskId');
  }

  #bids(at: string, data: Fields): void {
    const round = this.#round(at, data);
    const pool = textOf(data, 'pool') ?? '?';
    const passes = recordsOf(data, 'passes').map((pass) => ({
      agentId: textOf(pass, 'agentId') ?? '?',
      reason: textOf(pass, 'reason') ?? '?',
      pool,
    }));
    const counted = Object.values(recordOf(data, 'passCounts')).reduce<number>(
      (sum, count) => sum + (typeof count === 'number' ? count : 0),
      0,
    );
    round.pools.push(pool);
    round.passes.push(...passes);
    round.unlistedPasses += Math.max(0, counted - passes.length);
    round.bids.push(...recordsOf(data, 'bids').map((bid) => bidOf(bid, pool)));
    round.bids.sort((a, b) => a.rank - b.rank);
  }

  #awarded(at: string, data: Fields): void {
    const round = this.#round(at, data);
    round.policy = textOf(data, 'policy');
    round.winners = new Set(recordsOf(data, 'awards').map((award) => textOf(award, 'agentId') ?? '?'));
    for (const member of recordsOf(data, 'team')) {
      const ids = textsOf(member, 'subtaskIds');
      const own = textsOf(member, 'skills');
      // one part has all skills of its only member; several parts have one each, told when they start
      for (const id of ids) if (ids.length === 1) this.skills.set(id, own);
    }
  }

  #started(at: string, data: Fields): void {
    const subtaskId = textOf(data, 'subtaskId') ?? '?';
    const skills = textsOf(data, 'skills');
    if (skills.length > 0) this.skills.set(subtaskId, skills);
    this.attempts.push({
      subtaskId,
      agentId: textOf(data, 'agentId') ?? '?',
      attempt: numberOf(data, 'attempt') ?? 1,
      startedAtMs: Date.parse(at),
      endedAtMs: null,
      state: 'running',
      reason: undefined,
      percent: 0,
      note: undefined,
      quality: undefined,
    });
  }

  #progress(data: Fields): void {
    const attempt = this.#open(data);
    if (attempt === undefined) return;
    attempt.percent = numberOf(data, 'percent') ?? attempt.percent;
    attempt.note = textOf(data, 'note') ?? attempt.note;
  }

  /** How long it took is measured where it ran; when it was settled is later by the way there. */
  #ended(at: string, data: Fields, state: 'accepted' | 'failed'): void {
    const attempt = this.#open(data);
    if (attempt === undefined) return;
    const took = numberOf(data, 'durationMs');
    attempt.endedAtMs = took === undefined ? Date.parse(at) : attempt.startedAtMs + took;
    attempt.state = state;
    attempt.reason = textOf(data, 'code');
    attempt.quality = numberOf(data, 'quality');
    if (state === 'accepted') attempt.percent = 100;
  }

  #broken(at: string): void {
    for (const attempt of this.attempts) {
      if (attempt.endedAtMs !== null) continue;
      attempt.endedAtMs = Date.parse(at);
      attempt.state = 'failed';
    }
  }

  #open(data: Fields): StoryAttempt | undefined {
    const subtaskId = textOf(data, 'subtaskId');
    return this.attempts.findLast((one) => one.subtaskId === subtaskId && one.endedAtMs === null);
  }

  #round(at: string, data: Fields): StoryRound {
    const number = numberOf(data, 'round') ?? 0;
    const known = this.rounds.find((one) => one.round === number);
    if (known !== undefined) return known;
    const round: StoryRound = {
      round: number,
      subtaskId: textOf(data, 'subtaskId'),
      at,
      requiredSkills: [],
      bids: [],
      passes: [],
      unlistedPasses: 0,
      pools: [],
      winners: new Set(),
      policy: undefined,
    };
    this.rounds.push(round);
    return round;
  }
}

function bidOf(bid: Fields, pool: string): StoryBid {
  const parts = recordOf(bid, 'parts');
  return {
    agentId: textOf(bid, 'agentId') ?? '?',
    pool: textOf(bid, 'pool') ?? pool,
    skills: textsOf(bid, 'skills'),
    score: numberOf(bid, 'score') ?? 0,
    rank: numberOf(bid, 'rank') ?? Infinity,
    reputation: numberOf(bid, 'reputation') ?? 0,
    skillMatch: numberOf(bid, 'skillMatch') ?? 0,
    loadPercent: numberOf(bid, 'loadPercent') ?? 0,
    parts: {
      reputation: numberOf(parts, 'reputation') ?? 0,
      skillMatch: numberOf(parts, 'skillMatch') ?? 0,
      load: numberOf(parts, 'load') ?? 0,
    },
    confidence: numberOf(bid, 'confidence'),
    estimatedMs: numberOf(bid, 'estimatedMs'),
    estimatedCostUsd: numberOf(bid, 'estimatedCostUsd'),
    refused: textOf(bid, 'refused'),
  };
}

type Tone = 'plain' | 'good' | 'bad' | 'warn';

export interface Sentence {
  text: string;
  tone: Tone;
}

/** `#2` for `<taskId>-2`: within a task its ordinal tells a part from the others. */
export function partName(subtaskId: string | undefined): string {
  return subtaskId === undefined ? 'the whole task' : `part #${subtaskId.slice(subtaskId.lastIndexOf('-') + 1)}`;
}

type Say = (data: Fields) => string;

const joined = (...parts: (string | undefined)[]) => parts.filter((part) => part !== undefined).join(' · ');
const list = (items: readonly string[]) => items.join(', ');
const partOf: Say = (data) => partName(textOf(data, 'subtaskId'));
const agentOf: Say = (data) => textOf(data, 'agentId') ?? 'nobody';
const codeOf = (data: Fields) => textOf(data, 'code')?.toLowerCase().replaceAll('_', ' ');

const SENTENCES: Record<TaskEvent['type'], [Tone, Say]> = {
  'task.accepted': ['plain', (data) => joined('Accepted', textOf(data, 'complexity'), textOf(data, 'priority'))],
  'task.announced': ['plain', announcedText],
  'bids.received': ['plain', bidsText],
  'task.awarded': ['good', awardedText],
  'subtask.started': ['plain', (data) => joined(`${agentOf(data)} started ${partOf(data)}`, attemptText(data))],
  'subtask.progress': [
    'plain',
    (data) => joined(`${partOf(data)} at ${Math.round(numberOf(data, 'percent') ?? 0)} %`, textOf(data, 'note')),
  ],
  'subtask.accepted': ['good', (data) => joined(`${partOf(data)} of ${agentOf(data)} accepted`, qualityText(data))],
  'subtask.failed': [
    'bad',
    (data) => joined(`${partOf(data)} of ${agentOf(data)} failed`, codeOf(data), textOf(data, 'message')),
  ],
  'subtask.reassigned': [
    'warn',
    (data) => `${partOf(data)} passed from ${textOf(data, 'from') ?? '?'} to ${textOf(data, 'to') ?? 'a new round'}`,
  ],
  'subtask.skipped': ['plain', (data) => `${partOf(data)} skipped`],
  'task.synthesizing': ['plain', () => 'The parts are checked against each other and put together'],
  'validation.warning': ['warn', (data) => joined('Warning', textOf(data, 'message') ?? textOf(data, 'rule'))],
  'message.sent': [
    'plain',
    (data) =>
      joined(`${textOf(data, 'from') ?? '?'} wrote to ${textOf(data, 'to') ?? 'the team'}`, textOf(data, 'topic')),
  ],
  'task.escalated': [
    'warn',
    (data) => joined('Escalated: a person must decide', textOf(data, 'message') ?? textOf(data, 'reason')),
  ],
  'reputation.changed': ['plain', reputationText],
  'task.completed': ['good', () => 'Completed'],
  'task.failed': ['bad', (data) => joined('Failed', codeOf(data), textOf(data, 'message'))],
  'task.cancelled': ['warn', () => 'Cancelled'],
  'task.expired': ['bad', () => 'Expired: its deadline has passed'],
};

/** One event in words. A type that this version does not know is named as it is. */
export function sentenceOf(event: TaskEvent): Sentence {
  const known = (SENTENCES as Partial<typeof SENTENCES>)[event.type];
  if (known === undefined) return { text: event.type, tone: 'plain' };
  const [tone, say] = known;
  const text = say(isRecord(event.data) ? event.data : {});
  return { text: text.charAt(0).toUpperCase() + text.slice(1), tone };
}

function announcedText(data: Fields): string {
  const skills = textsOf(data, 'requiredSkills');
  const wants = skills.length === 0 ? 'wants no particular skill' : `wants ${list(skills)}`;
  return joined(`Round ${numberOf(data, 'round') ?? '?'} announced for ${partOf(data)}`, wants);
}

function bidsText(data: Fields): string {
  const bids = recordsOf(data, 'bids').length;
  const counts = Object.values(recordOf(data, 'passCounts')).filter((count) => typeof count === 'number');
  const passes = counts.reduce((sum, count) => sum + count, 0);
  const said = `${bids} ${bids === 1 ? 'bid' : 'bids'}, ${passes} ${passes === 1 ? 'pass' : 'passes'}`;
  return `Pool ${textOf(data, 'pool') ?? '?'} answered: ${said}`;
}

function awardedText(data: Fields): string {
  const awards = recordsOf(data, 'awards').map((award) => `${partOf(award)} → ${agentOf(award)}`);
  return joined(`Awarded in round ${numberOf(data, 'round') ?? '?'}`, list(awards));
}

function attemptText(data: Fields): string | undefined {
  const attempt = numberOf(data, 'attempt') ?? 1;
  return attempt > 1 ? `attempt ${attempt}` : undefined;
}

function qualityText(data: Fields): string | undefined {
  const quality = numberOf(data, 'quality');
  return quality === undefined ? undefined : `quality ${quality}`;
}

function reputationText(data: Fields): string {
  const delta = numberOf(data, 'delta') ?? 0;
  const sign = delta < 0 ? '−' : '+';
  const change = `${numberOf(data, 'before') ?? '?'} → ${numberOf(data, 'after') ?? '?'} (${sign}${Math.abs(delta)})`;
  return joined(`Reputation of ${agentOf(data)} ${change}`, textOf(data, 'reason')?.toLowerCase().replaceAll('_', ' '));
}
