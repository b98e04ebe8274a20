/** Every channel and queue name, in one place. */

/** Queues and channels of one market share this prefix; the braces keep BullMQ's keys in one slot of a Redis Cluster. */
export const QUEUE_PREFIX = '{swarmbid}';
export const CHANNEL_PREFIX = 'swarmbid:';

export const channels = {
  /** Openings for bids, to every pool process. */
  announce: 'announce',
  /** To every orchestrator: there is work in the store. */
  work: 'work',
  /** To every feed: these tasks have new events. */
  events: 'events',
  /** To every pool process: these attempts are over, stop them. */
  revoke: 'revoke',
  /** The list of agents, skills or keys changed: read it again. */
  directory: 'directory',
  /** To every orchestrator: an agent hands a conversation to the market. */
  handoff: 'handoff',
  /** Messages to the agents served by one process. */
  replica: (replicaId: string) => `replica.${replicaId}`,
} as const;

/** BullMQ queue of a pool's subtasks. */
export const workQueue = (pool: string) => `work.${pool}`;
export const SYNTHESIS_QUEUE = 'synthesis';

/** BullMQ job ids: adding one twice is adding it once. */
export const subtaskJobId = (subtaskId: string, epoch: number) => `sub_${subtaskId}_${epoch}`;
export const synthesisJobId = (taskId: string, epoch: number) => `syn_${taskId}_${epoch}`;
/** Of a synthesis that is begun once more: a job that died or failed keeps its id for a while. `dueAt` is when the new one is due. */
export const repeatedSynthesisJobId = (taskId: string, epoch: number, dueAt: Date) =>
  `${synthesisJobId(taskId, epoch)}_${dueAt.getTime()}`;
