import type { HandoffRefusal } from '../../../contracts/agent-market.ts';

export interface HandoffLimits {
  /** 0: none. */
  maxHandoffs: number;
  /** Whether an agent that has had the conversation may get it again. */
  allowCycles: boolean;
}

export type HandoffJudgement = { allowed: true } | { allowed: false; refusal: HandoffRefusal; message: string };

/** A conversation that went to and fro between the same two, and would a third time, is not getting on. */
const PING_PONG_PASSES = 4;

/** @param chain the agents that have had the conversation, first to last: the last one has it now */
export function judgeHandoff(chain: readonly string[], to: string, limits: HandoffLimits): HandoffJudgement {
  if (chain.length - 1 >= limits.maxHandoffs) {
    return refused('TOO_MANY_HANDOFFS', `it has been handed on ${chain.length - 1} times, the limit`);
  }
  if (!limits.allowCycles && chain.includes(to)) {
    return refused('CYCLE', `"${to}" has had it already (${[...chain, to].join(' → ')}), and cycles are not allowed`);
  }
  if (isPingPong([...chain, to])) {
    return refused('PING_PONG', `it goes to and fro between "${to}" and "${chain.at(-1) ?? ''}"`);
  }
  return { allowed: true };
}

function refused(refusal: HandoffRefusal, why: string): HandoffJudgement {
  return { allowed: false, refusal, message: `The conversation was not handed on: ${why}. Go on with it yourself.` };
}

/** The last five holders are two agents in turns: four passes. */
function isPingPong(chain: readonly string[]): boolean {
  const last = chain.slice(-PING_PONG_PASSES - 1);
  if (last.length <= PING_PONG_PASSES) return false;
  const [a, b] = last;
  return a !== b && last.every((agent, index) => agent === (index % 2 === 0 ? a : b));
}
