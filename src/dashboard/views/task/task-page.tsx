import { useMemo } from 'preact/hooks';
import type { TaskStatus, TaskView } from '../../../sdk/index.ts';
import { day, duration, number } from '../../format.ts';
import { client } from '../../state/session.ts';
import { useTask } from '../../state/use-task.ts';
import { tellStory } from '../../task-story.ts';
import { ActionError, ConfirmButton, useAction } from '../../ui/action.tsx';
import { Card, Facts, PageHead, Status, Tags } from '../../ui/parts.tsx';
import { Failure, Shown } from '../../ui/state.tsx';
import { Auction } from './auction.tsx';
import { Decision } from './decision.tsx';
import { EventLog } from './event-log.tsx';
import { Feedback } from './feedback.tsx';
import { ResultCard } from './result.tsx';
import { Messages } from './messages.tsx';
import { StepGraph } from './steps.tsx';
import { Timeline } from './timeline.tsx';
import { Json } from './json.tsx';

const ENDED: ReadonlySet<TaskStatus> = new Set<TaskStatus>(['completed', 'failed', 'cancelled', 'expired']);

export function TaskPage({ id }: { id: string }) {
  const { task, receipt, events, feedError } = useTask(id);
  const story = useMemo(() => tellStory(events), [events]);
  const cancel = useAction();
  const ended = task.value !== undefined && ENDED.has(task.value.status);
  return (
    <>
      <PageHead title={task.value?.type ?? 'Task'} sub={<code class="id">{id}</code>}>
        {task.value !== undefined && <Status of={task.value.status} />}
        {task.value !== undefined && !ended && (
          <ConfirmButton
            label="Cancel"
            question="Cancel the task and its jobs?"
            tone="bad"
            busy={cancel.busy}
            onConfirm={() => void cancel.run(async () => task.put(await client.value.cancel(id)))}
          />
        )}
      </PageHead>
      <ActionError error={cancel.error} />
      {feedError !== undefined && task.error === undefined && <Failure error={feedError} />}
      <Shown of={task} what="the task">
        {(value) => (
          <div class="task-page">
            <div class="column">
              {value.status === 'escalated' && <Decision task={value} events={events} onDecided={task.put} />}
              <ResultCard task={value} />
              <StepGraph task={value} />
              <Timeline task={value} story={story} lastEvent={events.at(-1)} />
              <Auction story={story} receipt={receipt} status={value.status} />
            </div>
            <div class="column">
              <About task={value} />
              <Feedback task={value} onGiven={task.put} />
              <Messages taskId={id} events={events} startedAt={value.createdAt} />
              <EventLog events={events} startedAt={value.createdAt} />
              <Submitted task={value} />
            </div>
          </div>
        )}
      </Shown>
    </>
  );
}

function About({ task }: { task: TaskView }) {
  const { usage, budget } = task;
  const used = usage.inputTokens + usage.outputTokens + usage.costUsd > 0;
  return (
    <Card title="About">
      {task.description !== undefined && <p class="prose">{task.description}</p>}
      <Facts
        of={[
          ['Wants', <Tags key="skills" of={task.requiredSkills} none="no particular skill" />],
          ['Domain', task.domain],
          ['Complexity', task.complexity],
          ['Priority', task.priority],
          ['Policy', task.policy],
          ['Submitted', day(task.createdAt)],
          ['Deadline', task.deadline === undefined ? undefined : day(task.deadline)],
          ['Attempts', `at most ${task.maxAttempts} a part, ${duration(task.timeoutMs)} each`],
          ['Budget', budget === undefined ? undefined : budgetText(budget)],
          ['Usage', used ? usageText(usage) : undefined],
          ['Owner', task.ownerId],
        ]}
      />
    </Card>
  );
}

function usageText({ inputTokens, outputTokens, costUsd }: TaskView['usage']): string {
  return `${number(inputTokens + outputTokens, 0)} tokens, $${number(costUsd, 4)}`;
}

function budgetText({ maxTokens, maxCostUsd }: NonNullable<TaskView['budget']>): string {
  const limits = [
    ...(maxTokens === undefined ? [] : [`${number(maxTokens, 0)} tokens`]),
    ...(maxCostUsd === undefined ? [] : [`$${number(maxCostUsd, 4)}`]),
  ];
  return limits.join(', ');
}

function Submitted({ task }: { task: TaskView }) {
  return (
    <Card title="As submitted">
      {task.rules.length > 0 && (
        <details>
          <summary>{task.rules.length === 1 ? '1 rule' : `${task.rules.length} rules`}</summary>
          <Json value={task.rules} />
        </details>
      )}
      <details>
        <summary>Data</summary>
        <Json value={task.data} />
      </details>
    </Card>
  );
}
