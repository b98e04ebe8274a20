import { expect, test } from 'vitest';
import { parseAddress } from '../../../src/dashboard/state/router.ts';

test.each([
  ['', 'tasks', undefined, {}],
  ['#/', 'tasks', undefined, {}],
  ['#/agents/finance', 'agents', 'finance', {}],
  ['#/agents/a%2Fb', 'agents', 'a/b', {}],
  ['#/agents/%', 'agents', '%', {}],
  ['#/tasks?status=running&type=faq', 'tasks', undefined, { status: 'running', type: 'faq' }],
])('the address "%s" is the view %s of %s', (address, view, id, query) => {
  const route = parseAddress(address);
  expect([route.view, route.id, Object.fromEntries(route.query)]).toEqual([view, id, query]);
});
