/** A rule of ours taken away, and the faults under which that must show. */
export interface Mutation {
  name: string;
  edits: { file: string; find: string; replace: string }[];
  /** Parts of the names of faults, as `--only` takes them. */
  faults: string[];
}

export const mutations: Mutation[] = [
  {
    // a process that has lost its lease says nothing late by itself: the two guard the same
    name: 'epoch-guard: what comes of an earlier award counts as the present one’s, and no process fences itself',
    edits: [
      {
        file: 'src/agents/core/lease.ts',
        find: 'return sinceBeatMs >= SELF_FENCE * leaseMs;',
        replace: 'return false;',
      },
      {
        file: 'src/orchestrator/core/transitions/settlement.ts',
        find: "if (subtask.epoch !== command.epoch) return 'STALE';",
        replace: '',
      },
      {
        file: 'src/orchestrator/core/settlement-plan.ts',
        find: 'attempt.closed || attempt.claimedAt === null || subtask?.epoch !== attempt.epoch',
        replace: 'attempt.claimedAt === null || subtask === undefined',
      },
      {
        file: 'src/orchestrator/intake.ts',
        find: 'attempt.outcome !== null && !attempt.closed',
        replace: 'attempt.outcome !== null',
      },
      {
        file: 'src/orchestrator/attempt-store.ts',
        find: 'case when closed_at is null then value end as value',
        replace: 'value',
      },
    ],
    faults: ['freeze-agents', 'network-stall', 'kill-agents'],
  },
  {
    name: 'effect-key: one key for all attempts at a subtask',
    edits: [
      {
        file: 'src/orchestrator/core/task-draft.ts',
        find: 'attempt:${subtask.id}:${subtask.epoch}',
        replace: 'attempt:${subtask.id}:1',
      },
    ],
    faults: ['kill-agents'],
  },
  {
    name: 'reconciler: nobody looks for leases that ran out',
    edits: [
      {
        file: 'src/orchestrator/recovery-store.ts',
        find: 'await this.recoverAttempts();',
        replace: '',
      },
    ],
    faults: ['kill-agents'],
  },
  {
    name: 'join-lock: tasks are read without a lock',
    edits: [
      {
        file: 'src/orchestrator/task-rows-store.ts',
        find: '${ids}::uuid[]) order by id for update`;',
        replace: '${ids}::uuid[]) order by id`;',
      },
    ],
    faults: ['jobs-duplicated', 'messages-echoed', 'kill-agents'],
  },
  {
    name: 'outbox: a job that Redis does not take is forgotten',
    edits: [
      {
        file: 'src/bus/outbox-relay.ts',
        find: 'if (jobs.length > 0) await this.queues.add(jobs);',
        replace: 'if (jobs.length > 0) await this.queues.add(jobs).catch(() => undefined);',
      },
      {
        file: 'src/orchestrator/recovery-store.ts',
        find: 'if (again.length > 0) {',
        replace: 'if (again.length < 0) {',
      },
    ],
    faults: ['redis-kill', 'redis-flushall'],
  },
  {
    name: 'idempotency: a key that was used before makes another task',
    edits: [
      {
        file: 'src/orchestrator/submission-store.ts',
        find: 'select * from input where key is null or id in (select task_id from keyed)',
        replace: 'select * from input',
      },
    ],
    faults: ['ambiguous-submit', 'kill-api'],
  },
  {
    name: 'fold-clamp: reputation may leave 0–150',
    edits: [
      {
        file: 'src/reputation/core/ledger-rules.ts',
        find: 'Math.min(MAX_REPUTATION, Math.max(MIN_REPUTATION, before + delta))',
        replace: 'before + delta',
      },
    ],
    faults: ['kill-orchestrator'],
  },
  {
    name: 'fold-lock: two folds may apply one entry',
    edits: [
      { file: 'src/reputation/fold-store.ts', find: '    .forUpdate()\n', replace: '' },
      { file: 'src/reputation/fold-store.ts', find: '    .forNoKeyUpdate()\n', replace: '' },
    ],
    faults: ['network-latency', 'messages-echoed'],
  },
  {
    name: 'seq-guard: a watcher that comes back is sent what it has had',
    edits: [{ file: 'src/live/feed.ts', find: '{ sentSeq: afterSeq,', replace: '{ sentSeq: 0,' }],
    faults: ['kill-api', 'network-reset'],
  },
  {
    name: 'durability: 202 before the submission is on disk',
    edits: [
      {
        file: 'src/db/database.ts',
        find: '...settingsOf(options.role),',
        replace: "...settingsOf(options.role), synchronous_commit: 'off',",
      },
    ],
    faults: ['postgres-stop-immediate'],
  },
  {
    name: 'final-absorbs: a task that has ended can be cancelled',
    edits: [
      {
        file: 'src/orchestrator/core/task-machine.ts',
        find: "command.kind !== 'record_reputation' && command.kind !== 'say'",
        replace: "command.kind !== 'record_reputation' && command.kind !== 'say' && command.kind !== 'cancel'",
      },
    ],
    faults: ['kill-orchestrator'],
  },
  {
    name: 'synthesis-lease: a synthesis that did not end is not begun again',
    edits: [
      {
        file: 'src/orchestrator/recovery-store.ts',
        find: 'await this.repeatSyntheses();',
        replace: '',
      },
    ],
    faults: ['ambiguous-synthesis', 'crash-before-finish'],
  },
  {
    name: 'signature: what is said on the bus is believed, whoever has signed it',
    edits: [
      {
        file: 'src/bus/envelope.ts',
        find: "keys.verify(envelope.from, signedText(channel, body), signature) ? envelope : 'signature'",
        replace: 'envelope',
      },
    ],
    faults: ['messages-forged'],
  },
  {
    name: 'tenant-filter: the rows of all owners are shown to each',
    edits: [
      {
        file: 'migrations/20261125T233000Z-roles.ts',
        find: "`using (${OWNER} = '*' or owner_id = ${OWNER})`",
        replace: '`using (true)`',
      },
      {
        file: 'src/orchestrator/task-view-store.ts',
        find: "principal.role === 'admin' ? query : query.where('owner_id', '=', principal.ownerId)",
        replace: 'query',
      },
    ],
    faults: ['kill-api'],
  },
];
