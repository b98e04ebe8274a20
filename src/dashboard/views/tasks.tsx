import { useEffect, useMemo } from 'preact/hooks';
import type { TaskListItem, TaskStatus } from '../../sdk/index.ts';
import { ago, duration, number, shortId } from '../format.ts';
import { filterBy, route, taskPath } from '../state/router.ts';
import { client, isAdmin } from '../state/session.ts';
import { TaskList, type TaskFilter } from '../state/task-list.ts';
import { Icon } from '../ui/icons.tsx';
import { Meter, PageHead, Status, Tags } from '../ui/parts.tsx';
import { Empty, Failure, Loading } from '../ui/state.tsx';
import { PHONE, useMedia } from '../ui/use-media.ts';
import { useNow } from '../ui/use-now.ts';
import { VirtualList } from '../ui/virtual-list.tsx';

const STATUSES: Record<TaskStatus, true> = {
  accepted: true,
  announced: true,
  awarded: true,
  running: true,
  synthesizing: true,
  escalated: true,
  completed: true,
  failed: true,
  cancelled: true,
  expired: true,
};
const STATUS_NAMES = Object.keys(STATUSES) as TaskStatus[];

function filterOf(query: URLSearchParams): TaskFilter {
  const status = STATUS_NAMES.find((one) => one === query.get('status'));
  const type = query.get('type') ?? '';
  const agentId = query.get('agentId') ?? '';
  return {
    ...(status === undefined ? {} : { status }),
    ...(type === '' ? {} : { type }),
    ...(agentId === '' ? {} : { agentId }),
  };
}

export function TasksView() {
  const filter = filterOf(route.value.query);
  const key = JSON.stringify(filter);
  const live = isAdmin.value;
  const list = useMemo(() => new TaskList(client.value, filter), [client.value, key]);
  useEffect(() => list.start(live), [list, live]);
  return (
    <>
      <PageHead title="Tasks" sub={live ? 'Every task of the market, newest first.' : 'Your tasks, newest first.'}>
        <a class="button primary" href="#/submit">
          <Icon name="plus" />
          Submit a task
        </a>
      </PageHead>
      <Filters filter={filter} />
      {list.error.value !== undefined && <Failure error={list.error.value} retry={() => list.retry()} />}
      <Rows list={list} filtered={key !== '{}'} />
    </>
  );
}

function Filters({ filter }: { filter: TaskFilter }) {
  return (
    <form class="filters" aria-label="Filters" onSubmit={(event) => event.preventDefault()}>
      <label>
        <span>Status</span>
        <select value={filter.status ?? ''} onChange={(event) => filterBy({ status: event.currentTarget.value })}>
          <option value="">any</option>
          {STATUS_NAMES.map((status) => (
            <option key={status} value={status}>
              {status}
            </option>
          ))}
        </select>
      </label>
      <Text name="type" label="Type" value={filter.type} />
      <Text name="agentId" label="Agent" value={filter.agentId} />
    </form>
  );
}

function Text({ name, label, value }: { name: string; label: string; value: string | undefined }) {
  return (
    <label>
      <span>{label}</span>
      <input
        type="search"
        value={value ?? ''}
        placeholder="any"
        spellcheck={false}
        onChange={(event) => filterBy({ [name]: event.currentTarget.value.trim().toLowerCase() })}
      />
    </label>
  );
}

function Rows({ list, filtered }: { list: TaskList; filtered: boolean }) {
  const phone = useMedia(PHONE);
  const now = useNow(5_000);
  const items = list.items.value;
  if (list.loading.value) return <Loading what="tasks" />;
  if (items.length === 0) {
    if (list.error.value !== undefined) return null;
    return filtered ? (
      <Empty title="No task is like this">
        <button type="button" class="button" onClick={() => filterBy({ status: '', type: '', agentId: '' })}>
          Show all tasks
        </button>
      </Empty>
    ) : (
      <Empty title="No task yet">
        <p>Submit one, and watch the agents bid for it.</p>
        <a class="button primary" href="#/submit">
          Submit a task
        </a>
      </Empty>
    );
  }
  return (
    <div class="task-list">
      <div class="task-row task-head" aria-hidden="true">
        <span>Status</span>
        <span>Task</span>
        <span>Team</span>
        <span>Outcome</span>
        <span>Submitted</span>
      </div>
      <VirtualList
        label="Tasks"
        count={items.length}
        open={!list.complete.value}
        rowHeight={phone ? 104 : 64}
        row={(index) => {
          const item = items[index];
          return item === undefined ? null : <Row item={item} now={now} />;
        }}
        onEnd={() => void list.loadMore()}
      />
    </div>
  );
}

function Row({ item, now }: { item: TaskListItem; now: number }) {
  return (
    <a class="task-row" href={taskPath(item.id)}>
      <Status of={item.status} />
      <span class="task-name">
        <strong>{item.type}</strong>
        <span class="muted">
          {item.requiredSkills.length === 0 ? shortId(item.id) : item.requiredSkills.join(', ')}
        </span>
      </span>
      <Tags of={item.team.map((member) => member.agentId)} none={item.finishedAt === null ? 'nobody yet' : 'nobody'} />
      <span class="task-outcome">
        <Outcome item={item} />
      </span>
      <span class="muted num">{ago(item.createdAt, now)}</span>
    </a>
  );
}

function Outcome({ item }: { item: TaskListItem }) {
  const { result, error } = item;
  if (result !== undefined) {
    const warnings = result.warnings.length;
    return (
      <>
        <span class="num">
          {result.quality === null ? 'not rated' : `quality ${number(result.quality, 1)}`},{' '}
          {duration(result.durationMs)}
        </span>
        {warnings > 0 && <span class="warn-text">{warnings === 1 ? '1 warning' : `${warnings} warnings`}</span>}
      </>
    );
  }
  if (error !== undefined) return <span class="bad-text">{error.code.toLowerCase().replaceAll('_', ' ')}</span>;
  if (item.finishedAt !== null) return <span class="muted">no result</span>;
  return <Meter percent={item.progressPercent} label={`${item.progressPercent} % done`} />;
}
