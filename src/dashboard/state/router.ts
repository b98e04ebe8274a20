import { computed, signal } from '@preact/signals';

/** The address after `#`: `/tasks/ID?status=running`. It is the browser's to keep, so a reload shows the same. */
const address = signal('/tasks');

export interface Route {
  /** The first part, as `tasks`. */
  view: string;
  /** The second part, decoded; undefined where there is none. */
  id: string | undefined;
  query: URLSearchParams;
}

export function parseAddress(text: string): Route {
  const [path = '', search = ''] = text.replace(/^#?\/*/, '').split('?', 2);
  const [view = '', id = ''] = path.split('/');
  return {
    view: view === '' ? 'tasks' : view,
    id: id === '' ? undefined : decoded(id),
    query: new URLSearchParams(search),
  };
}

export const route = computed(() => parseAddress(address.value));

export function followTheAddress(): void {
  const read = () => {
    address.value = location.hash;
  };
  addEventListener('hashchange', read);
  read();
}

export function go(to: string): void {
  location.hash = to;
}

/** The present view with other filters; an empty value takes a filter away. It makes no step of its own in the history. */
export function filterBy(changes: Record<string, string>): void {
  const { view, query } = route.value;
  for (const [name, value] of Object.entries(changes)) {
    if (value === '') query.delete(name);
    else query.set(name, value);
  }
  const text = query.toString();
  history.replaceState(null, '', `#/${view}${text === '' ? '' : `?${text}`}`);
  address.value = location.hash;
}

export const taskPath = (taskId: string) => `#/tasks/${encodeURIComponent(taskId)}`;
export const agentPath = (agentId: string) => `#/agents/${encodeURIComponent(agentId)}`;

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
