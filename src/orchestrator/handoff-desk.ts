/**
 * Conversations that an agent hands to the market: the rest of the work becomes a task of the same owner, and whoever wins
 * the bid goes on with it.
 *
 *  1. The owner, the data and the deadline are those of the attempt that asks, read from the store: a message says neither.
 *  2. Every orchestrator hears the message. The task's idempotency key names attempt and number, so it is submitted once.
 *  3. An attempt that counts no more hands nothing on.
 */
import type { EventBus, Subscription } from '../bus/event-bus.ts';
import { channels } from '../bus/names.ts';
import type { Principal } from '../contracts/access.ts';
import { handoffMessageSchema, type HandoffMessage } from '../contracts/bus-messages.ts';
import { MarketError } from '../contracts/errors.ts';
import type { TaskService } from '../contracts/services.ts';
import { taskSubmissionSchema, type TaskSubmission } from '../contracts/task.ts';
import type { Database } from '../db/database.ts';
import type { Logger } from '../observability/logger.ts';
import { findTaskOfKey, readHandingAttempt, type HandingAttempt } from './handoff-desk-store.ts';

const HANDOFF_TASK_TYPE = 'handoff';
const MAX_ATTEMPTS = 2;
const MAX_BIDDING_MS = 10_000;

export interface HandoffDeskOptions {
  bus: EventBus;
  db: Database;
  tasks: TaskService;
  logger: Logger;
}

type Request = NonNullable<HandoffMessage['request']>;

export function openHandoffDesk({ bus, db, tasks, logger }: HandoffDeskOptions): Promise<Subscription> {
  return bus.subscribe(channels.handoff, handoffMessageSchema, async (message, received) => {
    const attempt = await readHandingAttempt(db, message);
    // A pool hands on the work of its own agents alone.
    if (attempt === undefined || attempt.pool !== received.from) return;
    const principal: Principal = { keyId: null, role: 'submitter', ownerId: attempt.ownerId };
    const key = `handoff:${message.subtaskId}:${message.epoch}:${message.number}`;
    if (message.request === undefined) {
      const taskId = await findTaskOfKey(db, attempt.ownerId, key);
      if (taskId !== undefined)
        await tasks.cancel(principal, taskId).catch((error: unknown) => {
          logger.debug({ err: error, taskId }, 'a task that was handed on had ended already');
        });
      return;
    }
    if (!attempt.open) return;
    try {
      const submission = taskSubmissionSchema.parse(childOf(attempt, message.request));
      const { task } = await tasks.submit(principal, submission, key);
      await received.reply({ taskId: task.id });
    } catch (error) {
      logger.info({ err: error, taskId: attempt.taskId }, 'a conversation was not handed to the market');
      await received.reply({ error: error instanceof MarketError ? error.message : 'it makes no valid task' });
    }
  });
}

function childOf({ spec, data }: HandingAttempt, request: Request): TaskSubmission {
  const { skills, description, conversation, timeoutMs, budget } = request;
  return {
    type: HANDOFF_TASK_TYPE,
    description,
    requiredSkills: skills,
    complexity: 'simple',
    priority: spec.priority,
    data: { ...data, handoff: conversation },
    maxAttempts: MAX_ATTEMPTS,
    timeoutMs,
    biddingTimeMs: Math.min(MAX_BIDDING_MS, timeoutMs),
    ...(spec.domain === undefined ? {} : { domain: spec.domain }),
    ...(spec.deadline === undefined ? {} : { deadline: spec.deadline }),
    ...(Object.keys(budget).length === 0 ? {} : { budget }),
  };
}
