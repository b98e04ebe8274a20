import { clock } from '../format.ts';
import { liveness } from '../state/feeds.ts';
import { Dot } from './parts.tsx';

const WORDS = { none: 'Not live', connecting: 'Connecting', live: 'Live', stale: 'Stale' } as const;
const TONES = { none: 'plain', connecting: 'plain', live: 'good', stale: 'warn' } as const;

/** In a corner that is always there: whether what is shown follows the market. */
export function LiveMark() {
  const { state } = liveness.value;
  return (
    <span class="live-mark" role="status" aria-label="Live feed">
      <Dot tone={TONES[state]}>{WORDS[state]}</Dot>
    </span>
  );
}

export function FeedNotice() {
  const now = liveness.value;
  return (
    <div class="feed-notice" role="status" aria-label="Connection">
      {now.state === 'stale' && (
        <p class="notice warn">
          <strong>Not live since {clock(now.sinceMs)}.</strong> The connection broke; it is tried again until it stands,
          and what was missed is then made up for.
        </p>
      )}
    </div>
  );
}
