/**
 * A team whose parts must fit together. With the market up (`npm start`), in another terminal of the same folder:
 *
 *   node_modules/.bin/node examples/03-a-team-with-a-rule.ts
 *
 * The rule takes back what does not fit the budget: that agent loses 10 points of reputation, and the next bidder gets
 * the work. Run it three times: by the third, the frugal caterer is chosen at once.
 */
import { defineAgent, servePool, SwarmbidClient } from '../src/index.ts';

const pool = await servePool([
  defineAgent({ id: 'venues', skills: ['venue'], execute: () => ({ hall: 'Town hall', cost: 800 }) }),
  defineAgent({ id: 'lavish', skills: ['catering'], execute: () => ({ menu: 'Five courses', cost: 1900 }) }),
  // Each skill that the task does not ask for lowers the skill match, so this one ranks behind the specialist at first.
  defineAgent({ id: 'frugal', skills: ['catering', 'baking'], execute: () => ({ menu: 'A buffet', cost: 700 }) }),
]);
const client = new SwarmbidClient({ url: process.env.SWARMBID_URL, token: process.env.SWARMBID_TOKEN });
const stop = new AbortController();
process.once('SIGINT', () => stop.abort(new Error('Stopped by Ctrl-C.')));

try {
  const { id } = await client.submit({
    type: 'party',
    requiredSkills: ['venue', 'catering'],
    data: { budget: 2000 },
    rules: [
      {
        name: 'within the budget',
        expression: 'deliveries.venue.cost + deliveries.catering.cost <= task.data.budget',
        severity: 'reject',
        blame: ['catering'],
      },
    ],
  });
  for await (const { type, data } of client.watch(id, { signal: stop.signal })) {
    if (type === 'subtask.accepted') console.log('accepted from', data.agentId);
    if (type === 'subtask.failed') console.log('taken back from', data.agentId, '·', data.message);
    if (type === 'subtask.reassigned') console.log('given to', data.to);
  }
  console.log('result:', (await client.task(id)).result?.sections);
} finally {
  await pool.close();
}
