import { useMemo } from 'preact/hooks';
import type { TaskView } from '../../../sdk/index.ts';
import { placeSteps, type PlacedStep } from '../../step-graph.ts';
import { AgentLink, Card } from '../../ui/parts.tsx';

/** In pixels. */
const [WIDTH, HEIGHT, GAP_X, GAP_Y] = [156, 66, 44, 18];

type Subtask = TaskView['subtasks'][number];
type Steps = NonNullable<TaskView['steps']>;

/** The steps as they depend on each other: the boxes are a list, in an order in which they can be done; the lines are drawn behind. */
export function StepGraph({ task }: { task: TaskView }) {
  const steps = task.steps ?? [];
  const graph = useMemo(() => placeSteps(steps), [JSON.stringify(steps.map(({ id, dependsOn }) => [id, dependsOn]))]);
  if (steps.length === 0) return null;
  const width = graph.columns * (WIDTH + GAP_X) - GAP_X;
  const height = graph.rows * (HEIGHT + GAP_Y) - GAP_Y + (graph.edges.some(({ kind }) => kind === 'review') ? 22 : 0);
  return (
    <Card title="Steps" aside={<span class="muted">{doneText(task.subtasks)}</span>}>
      <div class="graph" tabIndex={0} role="region" aria-label="How the steps depend on each other">
        <div class="graph-area" style={{ width: `${width}px`, height: `${height}px` }}>
          <svg width={width} height={height} aria-hidden="true">
            {graph.edges.map(({ from, to, kind }) => (
              <path
                key={`${kind} ${from.id} ${to.id}`}
                class={kind}
                d={kind === 'review' ? backwards(from, to) : line(from, to)}
              />
            ))}
          </svg>
          <ol aria-label="Steps">
            {graph.steps.map((place) => (
              <Step
                key={place.id}
                place={place}
                step={steps.find((one) => one.id === place.id)}
                subtask={task.subtasks.find((one) => one.stepId === place.id)}
              />
            ))}
          </ol>
        </div>
      </div>
    </Card>
  );
}

interface StepProps {
  place: PlacedStep;
  step: Steps[number] | undefined;
  subtask: Subtask | undefined;
}

function Step({ place, step, subtask }: StepProps) {
  const { x, y } = corner(place);
  const after = step?.dependsOn ?? [];
  const iteration = subtask?.iteration ?? 1;
  const status = subtask?.status ?? 'pending';
  const agentId = subtask?.agentId ?? null;
  return (
    <li
      class={`step ${status}`}
      style={{ left: `${x}px`, top: `${y}px`, width: `${WIDTH}px`, height: `${HEIGHT}px` }}
      title={titleOf(step)}
    >
      <strong>{place.id}</strong>
      <span class={`state-${status}`}>
        {status}
        {iteration > 1 && `, iteration ${iteration}`}
      </span>
      {agentId === null ? <span class="muted">nobody yet</span> : <AgentLink id={agentId} />}
      <span class="sr-only">
        {after.length > 0 && `after ${after.join(' and ')}`}
        {step?.review !== undefined && `, reviews ${step.review.of}`}
        {step?.when !== undefined && `, if ${step.when}`}
      </span>
    </li>
  );
}

function titleOf(step: Steps[number] | undefined): string | undefined {
  const said = [
    step?.description,
    step?.when === undefined ? undefined : `if ${step.when}`,
    step?.switch === undefined ? undefined : `chooses by ${step.switch.on}`,
    step?.review === undefined
      ? undefined
      : `reviews ${step.review.of} until ${step.review.until}, at most ${step.review.maxIterations} times`,
  ].filter((one) => one !== undefined);
  return said.length === 0 ? undefined : said.join('\n');
}

function doneText(subtasks: readonly Subtask[]): string {
  const open = new Set(['pending', 'awarded', 'running']);
  return `${subtasks.filter(({ status }) => !open.has(status)).length} of ${subtasks.length} settled`;
}

const corner = ({ column, row }: PlacedStep) => ({ x: column * (WIDTH + GAP_X), y: row * (HEIGHT + GAP_Y) });

function line(from: PlacedStep, to: PlacedStep): string {
  const [a, b] = [corner(from), corner(to)];
  const [x, y, toX, toY] = [a.x + WIDTH, a.y + HEIGHT / 2, b.x, b.y + HEIGHT / 2];
  const bend = (toX - x) / 2;
  return `M${x} ${y} C${x + bend} ${y} ${toX - bend} ${toY} ${toX} ${toY}`;
}

/** Below the boxes. */
function backwards(from: PlacedStep, to: PlacedStep): string {
  const [a, b] = [corner(from), corner(to)];
  const [x, toX] = [a.x + WIDTH / 2, b.x + WIDTH / 2];
  const [y, toY] = [a.y + HEIGHT, b.y + HEIGHT];
  const low = Math.max(y, toY) + 20;
  return `M${x} ${y} C${x} ${low} ${toX} ${low} ${toX} ${toY}`;
}
