import { setTimeout as wait } from 'node:timers/promises';
import type { AgentMarket, HandedBack, HandoffToMarket } from '../contracts/agent-market.ts';
import { handoffAnswerSchema, type HandoffMessage } from '../contracts/bus-messages.ts';
import type { Skill } from '../contracts/skill.ts';
import { isFinal } from '../contracts/task.ts';
import type { EventBus } from '../bus/event-bus.ts';
import { channels } from '../bus/names.ts';
import type { Database } from '../db/database.ts';
import type { Json } from '../util/json.ts';
import type { ClaimedAttempt } from './attempt-store.ts';
import { declareRoutes, insertHandoff } from './handoff-store.ts';
import { memoryOf } from './memory/memory-store.ts';
import type { ToolCaller } from './tools/tool-caller.ts';
import { readTools } from './tools/tool-store.ts';

const MAX_TOOLS = 128;
/** An orchestrator that does not answer within this is asked again; asking twice is asking once. */
const ASK_MS = 3_000;
const ASKED_TIMES = 5;
const LOOK_MS = 200;

export interface MarketAccessOptions {
  db: Database;
  bus: EventBus;
  tools: ToolCaller;
}

/** What the market offers to the agents of this process while they work. */
export class MarketAccess {
  private readonly options: MarketAccessOptions;
  private readonly declared = new Map<string, string>();

  constructor(options: MarketAccessOptions) {
    this.options = options;
  }

  forAttempt(claimed: ClaimedAttempt): AgentMarket {
    const { db, tools } = this.options;
    let awards = 0;
    return {
      skills: (ids) => readSkills(db, ids),
      tools: (names) => readTools(db, { names: names === 'all' ? undefined : names, limit: MAX_TOOLS }),
      callTool: (tool, args, signal) => tools.call(tool, args, signal),
      memory: memoryOf(db, claimed),
      declareHandoffs: (from, to) => this.declare(from, to),
      recordHandoff: (note) => insertHandoff(db, claimed, note),
      award: (request, signal) => this.award(claimed, request, (awards += 1), signal),
    };
  }

  /** Written when it changes, not with every subtask. */
  private async declare(from: string, to: readonly string[]): Promise<void> {
    const routes = [...to].sort().join();
    if (routes === (this.declared.get(from) ?? '')) return;
    await declareRoutes(this.options.db, from, to);
    this.declared.set(from, routes);
  }

  /** The orchestrator submits the child task, once for each number, whoever is asked how often. */
  private async award(
    { subtaskId, epoch }: ClaimedAttempt,
    request: HandoffToMarket,
    number: number,
    signal: AbortSignal,
  ): Promise<HandedBack> {
    const attempt = { subtaskId, epoch, number };
    const taskId = await this.ask({ ...attempt, request }, signal);
    try {
      return await this.endOf(taskId, signal);
    } catch (error) {
      await this.options.bus.publish(channels.handoff, attempt).catch(() => undefined);
      throw error;
    }
  }

  private async ask(message: HandoffMessage, signal: AbortSignal): Promise<string> {
    for (let asked = 0; asked < ASKED_TIMES; asked += 1) {
      signal.throwIfAborted();
      let answer: { taskId: string } | { error: string } | undefined;
      await this.options.bus.request(channels.handoff, message, {
        replySchema: handoffAnswerSchema,
        timeoutMs: ASK_MS,
        onReply: (reply) => {
          answer = reply;
          return true;
        },
      });
      if (answer === undefined) continue;
      if ('taskId' in answer) return answer.taskId;
      throw new Error(`The market does not take the handoff: ${answer.error}`);
    }
    throw new Error('No orchestrator answered: the conversation could not be handed to the market.');
  }

  private async endOf(taskId: string, signal: AbortSignal): Promise<HandedBack> {
    for (;;) {
      const task = await this.options.db
        .selectFrom('task')
        .select(['status', 'result', 'error', 'team', 'input_tokens', 'output_tokens', 'cost_usd'])
        .where('id', '=', taskId)
        .executeTakeFirst();
      if (task === undefined) throw new Error('the task that the conversation was handed to is gone');
      if (!isFinal(task.status)) {
        await wait(LOOK_MS, undefined, { signal });
        continue;
      }
      const usage = { inputTokens: task.input_tokens, outputTokens: task.output_tokens, costUsd: task.cost_usd };
      if (task.result?.success !== true) return { ok: false, taskId, usage, error: task.error?.message ?? task.status };
      const sections = Object.values(task.result.sections);
      return { ok: true, taskId, usage, value: (sections.length === 1 ? sections[0] : task.result.sections) as Json };
    }
  }
}

async function readSkills(db: Database, ids: readonly string[]): Promise<Skill[]> {
  if (ids.length === 0) return [];
  const rows = await db.selectFrom('skill').selectAll().where('id', 'in', ids).execute();
  const records = new Map(
    rows.map(({ id, description, checks, output_schema }) => [
      id,
      { id, description, checks, ...(output_schema === null ? {} : { outputSchema: output_schema }) },
    ]),
  );
  return ids.flatMap((id) => records.get(id) ?? []);
}
