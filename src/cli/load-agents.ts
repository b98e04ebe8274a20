import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { AgentDefinition } from '../contracts/agent-definition.ts';
import { defineAgent } from '../sdk/define-agent.ts';
import { UsageError } from './exit-codes.ts';

/**
 * The agents that modules export, as their default export or as `agents`: one definition or a list. `none` alone: no agents.
 * @throws UsageError that names the file and what is wrong with it, or an id that two definitions share
 */
export async function loadAgents(files: readonly string[]): Promise<AgentDefinition[]> {
  if (files.includes('none')) {
    if (files.length > 1) throw new UsageError('--agents none stands alone, without files');
    return [];
  }
  const fileOf = new Map<string, string>();
  const agents: AgentDefinition[] = [];
  for (const file of files) {
    for (const agent of await loadFile(file)) {
      const other = fileOf.get(agent.id);
      if (other !== undefined)
        throw new UsageError(`the agent "${agent.id}" is defined twice, in ${other} and in ${file}`);
      fileOf.set(agent.id, file);
      agents.push(agent);
    }
  }
  return agents;
}

async function loadFile(file: string): Promise<AgentDefinition[]> {
  const module = await importFile(file);
  const exported = module.default ?? module.agents;
  const definitions: unknown[] = Array.isArray(exported) ? exported : [exported];
  if (exported === undefined || definitions.length === 0) {
    throw new UsageError(
      `${file} exports no agents: give it a default export, or one named "agents", of defineAgent({…}) or a list of these`,
    );
  }
  return definitions.map((definition) => checked(definition, file));
}

async function importFile(file: string): Promise<Record<string, unknown>> {
  try {
    return (await import(pathToFileURL(path.resolve(file)).href)) as Record<string, unknown>;
  } catch (cause) {
    throw new UsageError(`${file} cannot be loaded`, { cause });
  }
}

function checked(definition: unknown, file: string): AgentDefinition {
  try {
    return defineAgent(definition as AgentDefinition);
  } catch (cause) {
    throw new UsageError(`${file} exports something that is not an agent`, { cause });
  }
}
