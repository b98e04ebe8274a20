export { createAwardPolicies } from './core/award-policies.ts';
export { tierOf } from './core/tiers.ts';
export { createFold } from './fold.ts';
export { createLedgerStore } from './ledger-store.ts';
export { createReputationQueries } from './reputation-queries-store.ts';
export { rollUpTasks } from './task-rollup-store.ts';
