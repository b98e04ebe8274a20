import { useEffect, useRef } from 'preact/hooks';
import { FeedNotice, LiveMark } from './ui/liveness.tsx';
import { Icon, type IconName } from './ui/icons.tsx';
import { access, forgetKey, openSession, token } from './state/session.ts';
import { nextTheme, theme } from './state/theme.ts';
import { route } from './state/router.ts';
import { AdminView } from './views/admin.tsx';
import { AgentView } from './views/agent.tsx';
import { AgentsView } from './views/agents.tsx';
import { Empty, Failure, Loading } from './ui/state.tsx';
import { KeyForm } from './views/key-form.tsx';
import { MarketView } from './views/market/market-view.tsx';
import { SubmitView } from './views/submit.tsx';
import { TaskPage } from './views/task/task-page.tsx';
import { TasksView } from './views/tasks.tsx';

const VIEWS: readonly { view: string; name: string; icon: IconName }[] = [
  { view: 'tasks', name: 'Tasks', icon: 'tasks' },
  { view: 'agents', name: 'Agents', icon: 'agents' },
  { view: 'market', name: 'Market', icon: 'market' },
  { view: 'admin', name: 'Admin', icon: 'admin' },
];

export function App() {
  const main = useRef<HTMLElement>(null);
  return (
    <div class="shell">
      <button type="button" class="skip" onClick={() => main.current?.focus()}>
        Skip to the content
      </button>
      <aside class="side">
        <a class="brand" href="#/tasks">
          <img src={new URL('icon.svg', import.meta.url).href} alt="" width="26" height="26" />
          Swarmbid
        </a>
        <Navigation />
        <div class="side-foot">
          <LiveMark />
          <Tools />
        </div>
      </aside>
      <main ref={main} tabIndex={-1}>
        <FeedNotice />
        <Content />
      </main>
    </div>
  );
}

function Navigation() {
  const { view } = route.value;
  const shown = view === 'submit' ? 'tasks' : view;
  return (
    <nav aria-label="Main">
      {VIEWS.map((one) => (
        <a key={one.view} href={`#/${one.view}`} aria-current={one.view === shown ? 'page' : undefined}>
          <Icon name={one.icon} />
          {one.name}
        </a>
      ))}
    </nav>
  );
}

const THEME_ICONS = { system: 'half', light: 'sun', dark: 'moon' } as const;

function Tools() {
  return (
    <div class="tools">
      <button type="button" class="tool" onClick={nextTheme} title={`Colours: ${theme.value}`}>
        <Icon name={THEME_ICONS[theme.value]} />
        <span class="sr-only">Colours: {theme.value}. Change</span>
      </button>
      {token.value !== undefined && (
        <button type="button" class="tool" onClick={() => void forgetKey()} title="Forget the key">
          <Icon name="key" />
          <span class="sr-only">Forget the key</span>
        </button>
      )}
    </div>
  );
}

function Content() {
  const state = access.value;
  if (state.state === 'opening') return <Loading what="the market" />;
  if (state.state === 'locked') return <KeyForm problem={state.problem} />;
  if (state.state === 'unreachable') return <Failure error={state.error} retry={openSession} />;
  return <View />;
}

/** The view of the address. After a change of the address its heading has the focus, so that a screen reader begins there. */
function View() {
  const { view, id } = route.value;
  const first = useRef(true);
  useEffect(() => {
    const heading = document.querySelector<HTMLElement>('main h1');
    if (!first.current) {
      scrollTo(0, 0);
      heading?.focus({ preventScroll: true });
    }
    first.current = false;
  }, [view, id]);
  switch (view) {
    case 'tasks':
      return id === undefined ? <TasksView /> : <TaskPage key={id} id={id} />;
    case 'submit':
      return <SubmitView />;
    case 'agents':
      return id === undefined ? <AgentsView /> : <AgentView key={id} id={id} />;
    case 'market':
      return <MarketView />;
    case 'admin':
      return <AdminView />;
    default:
      return (
        <Empty title="There is no such page">
          <a class="button" href="#/tasks">
            To the tasks
          </a>
        </Empty>
      );
  }
}
