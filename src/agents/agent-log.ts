import type { AgentLog } from '../contracts/agent-definition.ts';
import type { Logger } from '../observability/logger.ts';

/** A logger for an agent's own words: its fields stay apart from the market's. */
export function agentLog(logger: Logger, fields: Record<string, unknown>): AgentLog {
  const child = logger.child(fields);
  return {
    debug: (message, more) => child.debug({ agent: more }, message),
    info: (message, more) => child.info({ agent: more }, message),
    warn: (message, more) => child.warn({ agent: more }, message),
    error: (message, more) => child.error({ agent: more }, message),
  };
}
