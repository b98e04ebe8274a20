export { createAgentDirectory } from './directory-store.ts';
export { Pool } from './pool.ts';
export { builtInAgents, builtInSkills, BUILTIN_POOL } from './builtin/index.ts';
