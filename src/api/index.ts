export {
  createApiServer,
  createOperationsServer,
  type ApiLimits,
  type ApiServerDeps,
  type ApiServices,
} from './server.ts';
export { createAuditLog } from './audit-store.ts';
export { createKeyService, type CachedKeyService, type KeyServiceDeps } from './key-store.ts';
export { BacklogGate, type BacklogLimits } from './backlog-gate.ts';
export { closeServer, stopAccepting } from './stopping.ts';
