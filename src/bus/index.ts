export { busKeys, poolCredential, type BusKeys } from './bus-keys.ts';
export { readBusSecret } from './bus-secret-store.ts';
export type { EventBus, ReceivedMessage, RequestOptions, Subscription } from './event-bus.ts';
export { createRedisCounts, type RedisCounts } from './redis-counts.ts';
export type { JobData, JobQueues, QueuedJob, QueueWorker } from './job-queues.ts';
export { createJobQueues, type JobTransport } from './bullmq-job-queues.ts';
export { createPostgresEventBus, type PostgresEventBusOptions } from './postgres-event-bus.ts';
export { createRedisEventBus, type RedisEventBusOptions } from './redis-event-bus.ts';
