import { expect, test } from 'vitest';
import type { AgentView, ReplicaView } from '../../../src/contracts/agent.ts';
import { poolsOf } from '../../../src/dashboard/pools.ts';

const replica = (id: string, healthy: boolean): ReplicaView => ({
  id,
  startedAt: '',
  heartbeatAt: '',
  healthy,
  reason: null,
  eventLoopDelayMs: 1,
  memoryPercent: 1,
});

function agent(id: string, pool: string | null, reservedSlots: number, replicas: ReplicaView[]): AgentView {
  const card = { id, name: id, skills: ['s'], domains: [], capacity: 4, status: 'active' as const, healthy: true };
  return {
    ...card,
    pool,
    reputation: 100,
    tier: 'Competent',
    loadPercent: 0,
    reservedSlots,
    replicas,
    registeredAt: '',
  };
}

test('a pool has each replica once, however many agents it serves, and the slots of all of them', () => {
  const replicas = [replica('r1', true), replica('r2', false)];
  const pools = poolsOf([agent('b', 'two', 3, replicas), agent('a', 'two', 1, replicas), agent('c', null, 0, [])]);
  expect(pools).toEqual([{ name: 'two', agents: 2, replicas, healthyReplicas: 1, reservedSlots: 4, slots: 16 }]);
});
