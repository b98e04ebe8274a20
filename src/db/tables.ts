import type { ColumnType, Generated, GeneratedAlways } from 'kysely';
import type { Role } from '../contracts/access.ts';
import type { HandoffRefusal } from '../contracts/agent-market.ts';
import type { ReceiptRound } from '../contracts/award.ts';
import type { AgentStatus } from '../contracts/agent.ts';
import type { Failure } from '../contracts/errors.ts';
import type { EventType } from '../contracts/events.ts';
import type { Outcome } from '../contracts/ledger.ts';
import type { SkillCheck } from '../contracts/skill.ts';
import type { Escalation, StepInputs } from '../contracts/step.ts';
import type { ToolBody } from '../contracts/tool.ts';
import type {
  Maker,
  QualitySource,
  SubtaskStatus,
  TaskResult,
  TaskSpec,
  TaskStatus,
  TeamMember,
  Warning,
} from '../contracts/task.ts';

/** A column that PostgreSQL fills in, and that is not written afterwards. */
type Stamp = ColumnType<Date, Date | undefined, Date>;
/** `jsonb`: read as a value, written as JSON text. */
type JsonColumn<Value> = ColumnType<Value, string, string>;
type OptionalJson<Value> = ColumnType<Value | null, string | null | undefined, string | null>;

export interface Tables {
  api_key: {
    id: string;
    role: Role;
    name: string | null;
    owner_id: string;
    hash: Buffer;
    created_at: Stamp;
    revoked_at: Date | null;
  };
  audit: {
    seq: GeneratedAlways<number>;
    at: Stamp;
    actor: string;
    action: string;
    target: string | null;
    details: JsonColumn<Record<string, unknown>>;
    prev_hash: GeneratedAlways<Buffer>;
    hash: GeneratedAlways<Buffer>;
  };
  skill: {
    id: string;
    description: string;
    output_schema: OptionalJson<Record<string, unknown>>;
    checks: JsonColumn<SkillCheck[]>;
    updated_at: Stamp;
  };
  agent: {
    id: string;
    name: string;
    skills: string[];
    domains: Generated<string[]>;
    capacity: number;
    pool: string | null;
    status: Generated<AgentStatus | 'retired'>;
    reputation: Generated<number>;
    accepted: Generated<number>;
    failed: Generated<number>;
    response_ms_sum: Generated<number>;
    team_accepted: Generated<number>;
    team_failed: Generated<number>;
    registered_at: Stamp;
  };
  replica: {
    id: string;
    pool: string;
    started_at: Stamp;
    heartbeat_at: Stamp;
    healthy: Generated<boolean>;
    reason: string | null;
    event_loop_delay_ms: Generated<number>;
    memory_percent: Generated<number>;
    unhealthy_agents: Generated<string[]>;
  };
  task: {
    id: string;
    owner_id: string;
    type: string;
    status: TaskStatus;
    spec: JsonColumn<TaskSpec>;
    data: JsonColumn<Record<string, unknown>>;
    version: Generated<number>;
    epoch: Generated<number>;
    round: Generated<number>;
    event_seq: Generated<number>;
    deadline: Date | null;
    synthesis_due_at: Date | null;
    team: JsonColumn<TeamMember[]>;
    result: OptionalJson<TaskResult>;
    warnings: JsonColumn<Warning[]>;
    error: OptionalJson<Failure>;
    step_inputs: OptionalJson<StepInputs>;
    escalations: ColumnType<Escalation[], string | undefined, string>;
    decision_due_at: Date | null;
    input_tokens: Generated<number>;
    output_tokens: Generated<number>;
    cost_usd: Generated<number>;
    subtask_count: Generated<number>;
    quality: GeneratedAlways<number | null>;
    team_size: GeneratedAlways<number>;
    created_at: Stamp;
    updated_at: Stamp;
    started_at: Date | null;
    finished_at: Date | null;
  };
  idempotency: { owner_id: string; key: string; request_hash: Buffer; task_id: string; created_at: Stamp };
  subtask: {
    id: string;
    task_id: string;
    ord: number;
    skills: string[];
    status: SubtaskStatus;
    agent_id: string | null;
    pool: string | null;
    epoch: number;
    attempt: number;
    lost_leases: number;
    tried: string[];
    round: number;
    progress_percent: number;
    quality: number | null;
    quality_source: QualitySource | null;
    error: OptionalJson<Failure>;
    started_at: Date | null;
    finished_at: Date | null;
    provisional: Generated<boolean>;
    step_id: string | null;
    hold: 'dependencies' | 'condition' | 'decision' | null;
    iteration: Generated<number>;
    revises: OptionalJson<{ epoch: number; by: string; byEpoch: number; note?: string }>;
  };
  opening: {
    task_id: string;
    ord: number;
    need: string;
    skills: string[];
    domain: string | null;
    priority: number;
    deadline: Date | null;
    opened_at: Stamp;
    due_at: Stamp;
    tries: Generated<number>;
    parked: Generated<boolean>;
    incapable_ms: Generated<number>;
    incapable_since: Date | null;
  };
  round: { task_id: string; round: number; receipt: JsonColumn<ReceiptRound>; at: Stamp };
  attempt: {
    subtask_id: string;
    epoch: number;
    task_id: string;
    agent_id: string;
    pool: string;
    attempt: number;
    timeout_ms: number;
    awarded_at: Stamp;
    due_at: Date;
    requeues: Generated<number>;
    replica_id: string | null;
    claimed_at: Date | null;
    progress_percent: number | null;
    progress_note: string | null;
    outcome: 'delivered' | 'failed' | 'timed_out' | null;
    value: OptionalJson<unknown>;
    error: string | null;
    input_tokens: Generated<number>;
    output_tokens: Generated<number>;
    cost_usd: Generated<number>;
    ended_at: Date | null;
    changes: Generated<number>;
    seen: Generated<number>;
    closed_at: Date | null;
    verdict: string | null;
    max_tokens: number | null;
    max_cost_usd: number | null;
    made_by: OptionalJson<Maker>;
  };
  agent_message: {
    id: string;
    task_id: string;
    subtask_id: string;
    from_agent: string;
    to_agent: string | null;
    topic: string;
    data: OptionalJson<unknown>;
    at: Stamp;
    pending: Generated<boolean>;
  };
  tool: {
    name: string;
    version: number;
    body: JsonColumn<ToolBody>;
    trial_result: OptionalJson<unknown>;
    published_at: Stamp;
    withdrawn: Generated<boolean>;
  };
  agent_memory: {
    id: string;
    agent_id: string;
    owner_id: string;
    text: string;
    task_id: string;
    subtask_id: string;
    at: Stamp;
    embedding: number[] | null;
  };
  handoff: {
    id: string;
    task_id: string;
    subtask_id: string;
    epoch: number;
    owner_id: string;
    from_agent: string;
    to_agent: string;
    refused: HandoffRefusal | null;
    reason: string;
    at: Stamp;
  };
  handoff_route: { from_agent: string; to_agent: string; declared_at: Stamp };
  event: { task_id: string; seq: number; type: EventType; at: Date; data: JsonColumn<Record<string, unknown>> };
  ledger: {
    id: Generated<number>;
    effect_key: string;
    agent_id: string;
    task_id: string;
    owner_id: string;
    subtask_id: string;
    skill: string | null;
    outcome: Outcome;
    quality: number | null;
    quality_source: QualitySource | null;
    delta: number;
    reason: string | null;
    duration_ms: number | null;
    team: Generated<boolean>;
    at: Stamp;
    fold_seq: number | null;
    before: number | null;
    after: number | null;
    told: Generated<boolean>;
  };
  agent_skill: {
    agent_id: string;
    skill: string;
    accepted: Generated<number>;
    failed: Generated<number>;
    quality_sum: Generated<number>;
    quality_count: Generated<number>;
    duration_ms_sum: Generated<number>;
    duration_count: Generated<number>;
  };
  feedback: {
    subtask_id: string;
    task_id: string;
    owner_id: string;
    quality: number;
    comment: string | null;
    at: Stamp;
  };
  task_rollup: {
    grain: 'minute' | 'hour';
    at: Date;
    status: string;
    tasks: number;
    duration_ms: number;
    quality_sum: number;
    quality_count: number;
    team_size_sum: number;
    team_count: number;
    parallel: number;
  };
  task_rollup_progress: { grain: 'minute' | 'hour'; until: Date };
  outbox: { id: Generated<number>; queue: string; job_id: string; data: JsonColumn<unknown> };
  bus_secret: { one: Generated<boolean>; secret: string };
  bus_payload: { id: string; body: string; at: Stamp };
}
