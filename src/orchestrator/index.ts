export { readBacklog } from './backlog-store.ts';
export { openHandoffDesk } from './handoff-desk.ts';
export { Orchestrator, type OrchestratorOptions } from './orchestrator.ts';
export type { FoldedEntry, Ledger, ReputationFold, Synthesis } from './ports.ts';
export { createTaskService } from './task-service.ts';
export { TaskStore } from './task-store.ts';
export { TaskViews } from './task-view-store.ts';
export { Wakeups } from './wakeups.ts';
