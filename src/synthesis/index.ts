export { createEvaluator } from './evaluator.ts';
export { createJudge, type Judge } from './judge.ts';
export { createSkillCatalogue, type SkillRecords } from './skill-store.ts';
export { createSynthesis, type Synthesis } from './synthesis.ts';
