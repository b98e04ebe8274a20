import { COMPLEXITIES, type Complexity } from '../../../contracts/task.ts';

/** One model for all work, or one for each complexity: a level without one of its own takes the next higher, else the next lower. */
export type ModelTiers = string | Partial<Record<Complexity, string>>;

export function modelFor(models: ModelTiers, complexity: Complexity): string {
  if (typeof models === 'string') return models;
  const level = COMPLEXITIES.indexOf(complexity);
  const upwards = COMPLEXITIES.slice(level);
  const downwards = COMPLEXITIES.slice(0, level).toReversed();
  const chosen = [...upwards, ...downwards].map((one) => models[one]).find((model) => model !== undefined);
  if (chosen === undefined) throw new Error('no model is named for any complexity');
  return chosen;
}
