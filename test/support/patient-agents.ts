/** Agents for a process of their own: one that delivers when the file named by RELEASE_FILE exists. */
import { existsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { defineAgent } from '../../src/index.ts';

const POLL_MS = 20;

export default [
  defineAgent({
    id: 'patient',
    skills: ['patience'],
    execute: async (_subtask, { signal, attempt }) => {
      while (!existsSync(process.env['RELEASE_FILE'] ?? '')) await delay(POLL_MS, undefined, { signal });
      return { attempt };
    },
  }),
];
