import type { AgentDefinition, AgentMessage } from '../contracts/agent-definition.ts';
import { agentAnswerSchema, agentMessageSchema, type AgentAnswer } from '../contracts/bus-messages.ts';
import type { TeamMember } from '../contracts/task.ts';
import type { EventBus, Subscription } from '../bus/event-bus.ts';
import { channels } from '../bus/names.ts';
import type { Database } from '../db/database.ts';
import type { Logger } from '../observability/logger.ts';
import { errorText } from '../util/error-text.ts';
import { storableText, toStorableJson, type Json } from '../util/json.ts';
import { uuidv7 } from '../util/uuid.ts';
import { insertMessage, readTaskForMessage, type StoredMessage } from './attempt-store.ts';
import { findReplica } from './replica-store.ts';
import { agentLog } from './agent-log.ts';

const DEFAULT_TIMEOUT_MS = 5_000;
const MAX_TIMEOUT_MS = 60_000;
const MAX_MESSAGE_BYTES = 256 * 1024;
/** Messages of one subtask that are stored with the task; further ones are sent all the same. */
const STORED_PER_SUBTASK = 100;
const REMEMBERED_TASKS = 32;

class AskError extends Error {
  readonly code: 'ASK_TIMED_OUT' | 'AGENT_NOT_FOUND' | 'ASK_FAILED';

  constructor(code: AskError['code'], message: string) {
    super(message);
    this.name = 'AskError';
    this.code = code;
  }
}

export interface Sender {
  agentId: string;
  taskId: string;
  subtaskId: string;
  team: readonly TeamMember[];
  signal: AbortSignal;
}

export interface MessengerOptions {
  agents: readonly AgentDefinition[];
  db: Database;
  bus: EventBus;
  replicaId: string;
  leaseMs: number;
  logger: Logger;
  onReport: () => void;
}

type TaskForMessage = NonNullable<Awaited<ReturnType<typeof readTaskForMessage>>>;

/** Messages between agents: directly, with an answer, or to the whole team. Each goes to one process that serves the receiver. */
export class Messenger {
  private readonly options: MessengerOptions;
  private readonly tasks = new Map<string, TaskForMessage>();

  constructor(options: MessengerOptions) {
    this.options = options;
  }

  listen(): Promise<Subscription> {
    const { bus, replicaId } = this.options;
    return bus.subscribe(
      channels.replica(replicaId),
      agentMessageSchema,
      async ({ recipients, subtaskId, ...message }, received) => {
        const answers = await Promise.all(recipients.map((agentId) => this.receive(agentId, message as AgentMessage)));
        if (!received.wantsReply) return;
        const [answer] = answers;
        if (answer?.ok === true) await this.storeAnswer(message, subtaskId, answer.data as Json);
        await received.reply(answer ?? { ok: false, error: 'nobody here hears it' });
      },
    );
  }

  /** @throws Error with the `code` ASK_TIMED_OUT, AGENT_NOT_FOUND or ASK_FAILED */
  async ask(sender: Sender, agentId: string, topic: string, data: Json, timeoutMs = DEFAULT_TIMEOUT_MS): Promise<Json> {
    const { bus, db, replicaId, leaseMs } = this.options;
    const message = this.message(sender, agentId, topic, data);
    const receiver = await findReplica(db, agentId, replicaId, leaseMs);
    if (receiver === null) throw new AskError('AGENT_NOT_FOUND', `No live process serves agent "${agentId}".`);
    await this.store(message);
    let answer: AgentAnswer | undefined;
    await bus.request(
      channels.replica(receiver),
      { ...message, recipients: [agentId] },
      {
        replySchema: agentAnswerSchema,
        timeoutMs: Math.min(MAX_TIMEOUT_MS, Math.max(1, timeoutMs)),
        onReply: (reply) => {
          answer = reply;
          return true;
        },
      },
    );
    if (answer === undefined)
      throw new AskError('ASK_TIMED_OUT', `Agent "${agentId}" did not answer "${topic}" within ${timeoutMs} ms.`);
    if (!answer.ok) throw new AskError('ASK_FAILED', answer.error);
    return answer.data as Json;
  }

  publish(sender: Sender, topic: string, data: Json): void {
    this.sendToTeam(sender, topic, data).catch((error: unknown) => {
      this.options.logger.warn(
        { err: error, agentId: sender.agentId, taskId: sender.taskId },
        'a message to the team was not sent',
      );
    });
  }

  private async sendToTeam(sender: Sender, topic: string, data: Json): Promise<void> {
    const { bus, db, replicaId, leaseMs } = this.options;
    const message = this.message(sender, null, topic, data);
    const others = sender.team.map((member) => member.agentId).filter((agentId) => agentId !== sender.agentId);
    const byReplica = new Map<string, string[]>();
    for (const agentId of others) {
      const receiver = await findReplica(db, agentId, replicaId, leaseMs);
      if (receiver !== null) byReplica.set(receiver, [...(byReplica.get(receiver) ?? []), agentId]);
    }
    await this.store(message);
    for (const [receiver, recipients] of byReplica) {
      await bus.publish(channels.replica(receiver), { ...message, recipients });
    }
  }

  private message(sender: Sender, to: string | null, topic: string, data: Json): StoredMessage {
    sender.signal.throwIfAborted();
    const storable = toStorableJson(data, MAX_MESSAGE_BYTES);
    if (!storable.ok) throw new AskError('ASK_FAILED', `The message cannot be sent: ${storable.reason}.`);
    const { taskId, subtaskId, agentId } = sender;
    return {
      id: uuidv7(),
      taskId,
      subtaskId,
      from: agentId,
      to,
      topic: storableText(topic, 200),
      data: storable.value,
    };
  }

  /** By the process of who gave it: a pool may speak for its own agents alone. The asker waits for the answer, not for this to succeed. */
  private async storeAnswer(
    { id, taskId, from, to, topic }: Pick<AgentMessage, 'id' | 'taskId' | 'from' | 'to' | 'topic'>,
    subtaskId: string,
    data: Json,
  ): Promise<void> {
    if (to === null) return;
    await this.store({ id: uuidv7(), taskId, subtaskId, from: to, to: from, topic, data }).catch((error: unknown) =>
      this.options.logger.warn({ err: error, agentId: to, taskId, messageId: id }, 'an answer was not stored'),
    );
  }

  private async store(message: StoredMessage): Promise<void> {
    if (await insertMessage(this.options.db, message, STORED_PER_SUBTASK)) this.options.onReport();
  }

  private async receive(agentId: string, message: AgentMessage): Promise<AgentAnswer> {
    const agent = this.options.agents.find((one) => one.id === agentId);
    if (agent?.onMessage === undefined) return { ok: false, error: `Agent "${agentId}" answers no messages.` };
    const controller = new AbortController();
    const late = `Agent "${agentId}" did not answer "${message.topic}" within ${MAX_TIMEOUT_MS} ms.`;
    const timer = setTimeout(() => controller.abort(new Error(late)), MAX_TIMEOUT_MS);
    try {
      const task = await this.taskOf(message.taskId);
      if (task === undefined) return { ok: false, error: 'There is no such task.' };
      const log = agentLog(this.options.logger, { agentId, taskId: message.taskId, topic: message.topic });
      const { signal } = controller;
      const answered = await Promise.race([agent.onMessage(message, { signal, log, task }), abortOf(signal)]);
      const answer = toStorableJson(answered ?? null, MAX_MESSAGE_BYTES);
      return answer.ok
        ? { ok: true, data: answer.value }
        : { ok: false, error: `The answer cannot be sent: ${answer.reason}.` };
    } catch (error) {
      return { ok: false, error: errorText(error) };
    } finally {
      clearTimeout(timer);
      controller.abort(new Error('the message has been dealt with'));
    }
  }

  private async taskOf(taskId: string): Promise<TaskForMessage | undefined> {
    const known = this.tasks.get(taskId);
    if (known !== undefined) return known;
    const task = await readTaskForMessage(this.options.db, taskId);
    if (task === null) return undefined;
    this.tasks.set(taskId, task);
    const [oldest] = this.tasks.keys();
    if (this.tasks.size > REMEMBERED_TASKS && oldest !== undefined) this.tasks.delete(oldest);
    return task;
  }
}

/** Rejects when the signal is aborted: an agent that does not heed it is waited for no longer. */
function abortOf(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}
