import { describe, expect, it } from 'vitest';
import { placeSteps } from '../../../src/dashboard/step-graph.ts';

const placesOf = (graph: ReturnType<typeof placeSteps>) =>
  Object.fromEntries(graph.steps.map(({ id, column, row }) => [id, [column, row]]));

describe('the picture of a workflow', () => {
  it('puts each step one column behind the farthest that it depends on, and peers below each other', () => {
    const graph = placeSteps([
      { id: 'end', dependsOn: ['left', 'right', 'start'] },
      { id: 'left', dependsOn: ['start'] },
      { id: 'right', dependsOn: ['start'] },
      { id: 'start' },
    ]);
    expect(placesOf(graph)).toEqual({ start: [0, 0], left: [1, 0], right: [1, 1], end: [2, 0] });
    expect(graph).toMatchObject({ columns: 3, rows: 2 });
    expect(graph.steps.map(({ id }) => id)).toEqual(['start', 'left', 'right', 'end']);
    expect(graph.edges).toHaveLength(5);
  });

  it('leads a review back to what it reviews', () => {
    const { edges } = placeSteps([{ id: 'text' }, { id: 'check', dependsOn: ['text'], review: { of: 'text' } }]);
    expect(edges.map(({ from, to, kind }) => [from.id, to.id, kind])).toEqual([
      ['text', 'check', 'dependency'],
      ['check', 'text', 'review'],
    ]);
  });

  it('of a chain of 64 is one row', () => {
    const chain = Array.from({ length: 64 }, (_, i) => ({ id: `s${i}`, dependsOn: i === 0 ? [] : [`s${i - 1}`] }));
    expect(placeSteps(chain)).toMatchObject({ columns: 64, rows: 1 });
  });
});
