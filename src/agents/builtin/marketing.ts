import { createContent, optimiseForSearch, writePosts } from './content.ts';
import { planCampaign } from './campaign-plan.ts';
import { ruleBasedWork } from './skill-work.ts';
import type { AgentDefinition } from '../../contracts/agent-definition.ts';
import type { SkillWork } from './skill-work.ts';

const workBySkill: Record<string, SkillWork> = {
  marketing: planCampaign,
  content_creation: (subtask) => createContent(subtask),
  social_media: (subtask) => writePosts(subtask),
  email_campaigns: planCampaign,
  seo: (subtask) => optimiseForSearch(subtask),
};

/** Templated copy and its cost. */
export const marketing: AgentDefinition = {
  id: 'marketing',
  name: 'Marketing',
  skills: Object.keys(workBySkill),
  execute: ruleBasedWork(workBySkill),
};
