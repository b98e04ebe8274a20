/**
 * A workflow of steps: two sources in parallel, a draft of both, a review that sends it back once, and a condition. With the
 * market up (`npm start`), in another terminal of the same folder:
 *
 *   node_modules/.bin/node examples/05-a-workflow.ts
 */
import { defineAgent, servePool, SwarmbidClient } from '../src/index.ts';

const pool = await servePool([
  defineAgent({
    id: 'librarian',
    skills: ['sourcing'],
    execute: ({ stepId }) => (stepId === 'numbers' ? { hives: 12 } : { quote: 'The hive decides.' }),
  }),
  defineAgent({
    id: 'author',
    skills: ['writing'],
    execute({ dependencies, revision }) {
      const { numbers, voices } = dependencies as { numbers: { hives: number }; voices: { quote: string } };
      const text = `We keep ${numbers.hives} hives. "${voices.quote}"`;
      return { text: revision === undefined ? text : `${text} Come and see them.` };
    },
  }),
  defineAgent({
    id: 'editor',
    skills: ['editing'],
    execute({ dependencies }) {
      const { text } = dependencies?.['draft'] as { text: string };
      const ok = text.includes('Come');
      return { ok, notes: ok ? 'Print it.' : 'It invites nobody.' };
    },
  }),
  defineAgent({ id: 'printer', skills: ['printing'], execute: ({ stepId }) => ({ printed: stepId }) }),
]);
const client = new SwarmbidClient({ url: process.env.SWARMBID_URL, token: process.env.SWARMBID_TOKEN });
const stop = new AbortController();
process.once('SIGINT', () => stop.abort(new Error('Stopped by Ctrl-C.')));

try {
  const { id } = await client.submit({
    type: 'leaflet',
    data: { colour: false },
    steps: [
      { id: 'numbers', skills: ['sourcing'] },
      { id: 'voices', skills: ['sourcing'] },
      { id: 'draft', skills: ['writing'], dependsOn: ['numbers', 'voices'] },
      {
        id: 'check',
        skills: ['editing'],
        dependsOn: ['draft'],
        review: { of: 'draft', until: 'deliveries.check.ok', maxIterations: 3 },
      },
      { id: 'plain', skills: ['printing'], dependsOn: ['check'], when: '$not(task.data.colour)' },
      { id: 'colour', skills: ['printing'], dependsOn: ['check'], when: 'task.data.colour' },
    ],
  });
  for await (const { type, data } of client.watch(id, { signal: stop.signal })) {
    if (type === 'subtask.accepted') console.log('accepted:', data.stepId, 'from', data.agentId);
    if (type === 'subtask.reassigned') console.log('sent back:', data.stepId, '· iteration', data.iteration);
    if (type === 'subtask.skipped') console.log('skipped:', data.stepId);
  }
  const { status, result } = await client.task(id);
  console.log(`${status}:`, result?.sections['draft']);
} finally {
  await pool.close();
}
