import { useState } from 'preact/hooks';
import { unlock } from '../state/session.ts';
import { Field } from '../ui/action.tsx';
import { PageHead } from '../ui/parts.tsx';

/** Asked for only where the server needs a key. */
export function KeyForm({ problem }: { problem: string | null }) {
  const [key, setKey] = useState('');
  const submit = (event: Event) => {
    event.preventDefault();
    if (key.trim() !== '') void unlock(key.trim());
  };
  return (
    <div class="narrow">
      <PageHead
        title="A key, please"
        sub="This market answers only to those who have one. It is kept for this tab, and until the tab is closed."
      />
      <form class="card form" onSubmit={submit}>
        <Field label="Key" for="key" hint="It begins with sb_" error={problem ?? undefined}>
          <input
            id="key"
            type="password"
            autoComplete="off"
            spellcheck={false}
            value={key}
            aria-describedby="key-hint"
            aria-invalid={problem !== null}
            onInput={(event) => setKey(event.currentTarget.value)}
          />
        </Field>
        <button type="submit" class="button primary">
          Open the market
        </button>
        <p class="hint">
          An admin makes keys under “Admin”, or with <code>swarmbid keys create</code>.
        </p>
      </form>
    </div>
  );
}
