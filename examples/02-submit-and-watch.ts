/**
 * Submits a task and follows it to its end. With the market up (`npm start`), in another terminal:
 *
 *   node_modules/.bin/node examples/02-submit-and-watch.ts
 *
 * SWARMBID_URL and SWARMBID_TOKEN name another server, and the key to call it with.
 */
import { SwarmbidClient } from '../src/index.ts';

const client = new SwarmbidClient({ url: process.env.SWARMBID_URL, token: process.env.SWARMBID_TOKEN });
const stop = new AbortController();
process.once('SIGINT', () => stop.abort());

const { id } = await client.submit({
  type: 'cost-review',
  requiredSkills: ['cost_tracking', 'forecasting'],
  data: {
    costs: [
      { category: 'hosting', amount: 1200 },
      { category: 'licences', amount: 450 },
      { category: 'hosting', amount: 300 },
    ],
    budget: 2500,
    series: [1510, 1580, 1640, 1720, 1790, 1950],
    periods: 2,
  },
});

try {
  for await (const event of client.watch(id, { signal: stop.signal })) console.log(event.seq, event.type);
} catch (error) {
  if (!stop.signal.aborted) throw error;
  await client.cancel(id);
}

const task = await client.task(id);
console.log(task.status, JSON.stringify(task.result?.sections, null, 2));
for (const { round, bids } of (await client.award(id)).rounds) {
  for (const { agentId, parts, score, rank } of bids) {
    const sum = [parts.reputation, parts.skillMatch, parts.load].join(' + ');
    console.log(`round ${round}: ${agentId} ${sum} = ${score}, rank ${rank}`);
  }
}
