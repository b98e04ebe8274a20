import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';
import type { SubtaskStatus, TaskStatus, Tier } from '../../sdk/index.ts';
import { agentPath } from '../state/router.ts';

type Tone = 'plain' | 'run' | 'good' | 'warn' | 'bad';

const STATUS_TONES: Record<TaskStatus | SubtaskStatus, Tone> = {
  accepted: 'plain',
  announced: 'run',
  awarded: 'run',
  running: 'run',
  synthesizing: 'run',
  escalated: 'warn',
  completed: 'good',
  failed: 'bad',
  cancelled: 'plain',
  expired: 'bad',
  pending: 'plain',
  rejected: 'bad',
  skipped: 'plain',
};

export function Status({ of }: { of: TaskStatus }) {
  return <Dot tone={STATUS_TONES[of]}>{of}</Dot>;
}

export function Dot({ tone, children }: { tone: Tone; children: ComponentChildren }) {
  return (
    <span class={`status ${tone}`}>
      <span class="dot" aria-hidden="true" />
      {children}
    </span>
  );
}

const TIER_LEVELS: Record<Tier, number> = { Elite: 5, Expert: 4, Competent: 3, Developing: 2, 'Needs Improvement': 1 };

export function TierMark({ of }: { of: Tier }) {
  return (
    <span class="tier">
      <span class="tier-bars" aria-hidden="true">
        {[1, 2, 3, 4, 5].map((level) => (
          <span key={level} class={level <= TIER_LEVELS[of] ? 'on' : ''} />
        ))}
      </span>
      {of}
    </span>
  );
}

export function Tags({ of, none }: { of: readonly string[]; none?: string }) {
  if (of.length === 0) return none === undefined ? null : <span class="muted">{none}</span>;
  return (
    <span class="tags">
      {of.map((tag) => (
        <span key={tag} class="tag">
          {tag}
        </span>
      ))}
    </span>
  );
}

export function AgentLink({ id }: { id: string }) {
  return (
    <a class="agent-link" href={agentPath(id)}>
      {id}
    </a>
  );
}

/** A share of 100 as a bar; its figure stands beside it. */
export function Meter({ percent, label, tone }: { percent: number; label: string; tone?: 'warn' }) {
  const width = Math.min(100, Math.max(0, percent));
  return (
    <span class={`meter ${tone ?? ''}`} role="img" aria-label={label}>
      <span style={{ width: `${width}%` }} />
    </span>
  );
}

export function Card(props: { title: string; aside?: ComponentChildren; children: ComponentChildren; class?: string }) {
  return (
    <section class={`card ${props.class ?? ''}`}>
      <header class="card-head">
        <h2>{props.title}</h2>
        {props.aside}
      </header>
      {props.children}
    </section>
  );
}

/** Names and values; values that are undefined are left out. */
export function Facts({ of }: { of: readonly (readonly [ComponentChildren, ComponentChildren])[] }) {
  return (
    <dl class="facts">
      {of
        .filter(([, value]) => value !== undefined)
        .map(([name, value], index) => (
          <div key={index}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}

/** The window is named after its page. */
export function PageHead(props: { title: string; sub?: ComponentChildren; children?: ComponentChildren }) {
  useEffect(() => {
    document.title = `${props.title} · Swarmbid`;
  }, [props.title]);
  return (
    <header class="page-head">
      <div>
        <h1 tabIndex={-1}>{props.title}</h1>
        {props.sub !== undefined && <p class="page-sub">{props.sub}</p>}
      </div>
      {props.children !== undefined && <div class="actions">{props.children}</div>}
    </header>
  );
}
