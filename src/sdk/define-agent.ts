import { z } from 'zod';
import { agentRegistrationSchema } from '../contracts/agent.ts';
import { MarketError } from '../contracts/errors.ts';
import type { AgentDefinition } from '../contracts/agent-definition.ts';
import type { FieldError } from '../contracts/errors.ts';

export type {
  AgentDefinition,
  AgentLog,
  AgentMessage,
  Assessment,
  ExecutionContext,
  MessageContext,
  SelfView,
  SubtaskInput,
} from '../contracts/agent-definition.ts';

const describedSchema = z.object({
  id: agentRegistrationSchema.shape.id,
  name: agentRegistrationSchema.shape.name,
  skills: agentRegistrationSchema.shape.skills,
  domains: agentRegistrationSchema.shape.domains.unwrap().optional(),
  capacity: agentRegistrationSchema.shape.capacity.unwrap().optional(),
});

const METHODS = ['execute', 'assess', 'health', 'onMessage'] as const;
const MEMBERS: readonly string[] = [...Object.keys(describedSchema.shape), ...METHODS];

/**
 * Checks an agent in code, which may be an object or an instance of a class, and returns it frozen: `id`, `skills` and
 * `domains` folded to lower case, its methods bound to what was given. Calling it registers nothing.
 * @throws MarketError INVALID_REQUEST whose message and `errors` name every wrong member
 */
export function defineAgent(definition: AgentDefinition): Readonly<AgentDefinition> {
  const given: unknown = definition;
  if (typeof given !== 'object' || given === null) {
    throw new MarketError('INVALID_REQUEST', `defineAgent takes an object, but was given ${String(given)}`);
  }
  const described = describedSchema.safeParse(definition);
  const faults = [
    ...(described.error?.issues.map((issue) => ({ path: issue.path.join('.'), message: issue.message })) ?? []),
    ...methodFaults(definition),
    ...unknownMembers(definition),
  ];
  if (!described.success || faults.length > 0) throw invalid(definition, faults);
  return frozen(definition, described.data);
}

function frozen(definition: AgentDefinition, described: z.output<typeof describedSchema>): Readonly<AgentDefinition> {
  return Object.freeze({
    ...described,
    execute: definition.execute.bind(definition),
    assess: definition.assess?.bind(definition),
    health: definition.health?.bind(definition),
    onMessage: definition.onMessage?.bind(definition),
  });
}

function methodFaults(definition: AgentDefinition): FieldError[] {
  return METHODS.flatMap((name) => {
    const value: unknown = Reflect.get(definition, name);
    if (typeof value === 'function' || (value === undefined && name !== 'execute')) return [];
    return [{ path: name, message: `must be a function, but is ${value === null ? 'null' : typeof value}` }];
  });
}

/** Of plain objects only: an instance of a class may keep what it likes. */
function unknownMembers(definition: AgentDefinition): FieldError[] {
  if (Object.getPrototypeOf(definition) !== Object.prototype) return [];
  return Object.keys(definition)
    .filter((key) => !MEMBERS.includes(key))
    .map((key) => ({ path: key, message: `is not a member of an agent; they are ${MEMBERS.join(', ')}` }));
}

function invalid(definition: AgentDefinition, errors: FieldError[]): MarketError {
  const id: unknown = definition.id;
  const whose = typeof id === 'string' ? `"${id}"` : 'without a valid id';
  const details = errors.map(({ path, message }) => `${path}: ${message}`).join('; ');
  return new MarketError('INVALID_REQUEST', `The agent ${whose} is not well defined. ${details}`, { errors });
}
