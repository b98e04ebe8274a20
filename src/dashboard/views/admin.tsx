import { useState } from 'preact/hooks';
import type { AuditEntry, CreatedKey, KeyView } from '../../sdk/index.ts';
import { day, NONE, shortName } from '../format.ts';
import { client, token, adoptKey } from '../state/session.ts';
import { usePages } from '../state/use-pages.ts';
import { ActionError, ConfirmButton, Field, useAction } from '../ui/action.tsx';
import { Card, Dot, PageHead } from '../ui/parts.tsx';
import { Failure, Loading } from '../ui/state.tsx';

export function AdminView() {
  const keys = usePages<KeyView>((api, page) => api.keys(page));
  const audit = usePages<AuditEntry>((api, page) => api.audit(page));
  const reload = async () => {
    await Promise.all([keys.reload(), audit.reload()]);
  };
  return (
    <>
      <PageHead title="Admin" sub="Who may do what, and who did what." />
      <div class="task-page">
        <div class="column">
          <Keys keys={keys} onChanged={reload} />
          <Audit audit={audit} />
        </div>
        <div class="column">
          <NewKey onCreated={reload} />
        </div>
      </div>
    </>
  );
}

type Pages<Item> = ReturnType<typeof usePages<Item>>;

function More({ of }: { of: Pages<unknown> }) {
  return (
    <>
      {of.error !== undefined && <Failure error={of.error} retry={of.reload} />}
      {of.items === undefined && of.error === undefined && <Loading what="entries" />}
      {of.more && (
        <button type="button" class="button" onClick={of.loadMore}>
          Show more
        </button>
      )}
    </>
  );
}

function Keys({ keys, onChanged }: { keys: Pages<KeyView>; onChanged: () => Promise<void> }) {
  const action = useAction();
  const revoke = (id: string) =>
    void action.run(async () => {
      await client.value.revokeKey(id);
      await onChanged();
    });
  return (
    <Card title="Keys">
      <ActionError error={action.error} />
      {keys.items?.length === 0 && (
        <p class="muted">No key yet: everybody on this machine is an admin until the first one is created.</p>
      )}
      {keys.items !== undefined && keys.items.length > 0 && (
        <ul class="rows keys">
          {keys.items.map((key) => (
            <li key={key.id}>
              <span class="stack">
                <strong>{key.name ?? 'unnamed'}</strong>
                <span class="muted">
                  {key.role}, owner {shortName(key.ownerId)}, since {day(key.createdAt)}
                </span>
              </span>
              {key.revokedAt === null ? (
                <ConfirmButton
                  label="Revoke"
                  question={`Revoke ${key.name ?? 'this key'}?`}
                  tone="bad"
                  busy={action.busy}
                  onConfirm={() => revoke(key.id)}
                />
              ) : (
                <Dot tone="plain">revoked {day(key.revokedAt)}</Dot>
              )}
            </li>
          ))}
        </ul>
      )}
      <More of={keys} />
    </Card>
  );
}

const ROLES = {
  submitter: 'submitter: own tasks',
  admin: 'admin: everything',
  agent: 'agent: for agents from outside',
} as const;
type Role = keyof typeof ROLES;

function NewKey({ onCreated }: { onCreated: () => Promise<void> }) {
  const [role, setRole] = useState<Role>('admin');
  const [name, setName] = useState('');
  const [ownerId, setOwnerId] = useState('');
  const [created, setCreated] = useState<CreatedKey | null>(null);
  const action = useAction();
  const create = (event: Event) => {
    event.preventDefault();
    void action.run(async () => {
      const named = name.trim() === '' ? {} : { name: name.trim() };
      const owned = ownerId.trim() === '' ? {} : { ownerId: ownerId.trim() };
      const key = await client.value.createKey({ role, ...named, ...owned });
      setCreated(key);
      // the first key locks the market for all who have none: also for this page, which must go on showing it
      if (token.value === undefined) adoptKey(key.key);
      else await onCreated();
    });
  };
  return (
    <Card title="New key">
      {created !== null && <ShownOnce created={created} />}
      <form class="form" onSubmit={create}>
        <Field label="Role" for="role">
          <select id="role" value={role} onChange={(event) => setRole(event.currentTarget.value as Role)}>
            {Object.entries(ROLES).map(([value, about]) => (
              <option key={value} value={value}>
                {about}
              </option>
            ))}
          </select>
        </Field>
        <Field label="Name" for="name" hint="To tell it from others">
          <input id="name" autoComplete="off" value={name} onInput={(event) => setName(event.currentTarget.value)} />
        </Field>
        <Field label="Owner" for="owner" hint="Keys of one owner see the same tasks; default: an owner of its own">
          <input
            id="owner"
            autoComplete="off"
            value={ownerId}
            onInput={(event) => setOwnerId(event.currentTarget.value)}
          />
        </Field>
        <ActionError error={action.error} />
        <button type="submit" class="button primary" disabled={action.busy}>
          Create
        </button>
      </form>
    </Card>
  );
}

function ShownOnce({ created }: { created: CreatedKey }) {
  const [copied, setCopied] = useState(false);
  const copy = () => {
    navigator.clipboard.writeText(created.key).then(
      () => setCopied(true),
      () => setCopied(false),
    );
  };
  return (
    <div class="notice new-key" role="status">
      <p>
        <strong>Shown this once.</strong> Keep it where secrets are kept.
      </p>
      <code class="id">{created.key}</code>
      <div class="actions">
        <button type="button" class="button" onClick={copy}>
          {copied ? 'Copied' : 'Copy'}
        </button>
      </div>
    </div>
  );
}

function Audit({ audit }: { audit: Pages<AuditEntry> }) {
  return (
    <Card title="Audit log">
      {audit.items?.length === 0 && <p class="muted">Nothing was done yet.</p>}
      {audit.items !== undefined && audit.items.length > 0 && (
        <div class="scroll-table" tabIndex={0} role="region" aria-label="Audit log">
          <table>
            <thead>
              <tr>
                <th scope="col">When</th>
                <th scope="col">Who</th>
                <th scope="col">Did</th>
                <th scope="col">To</th>
                <th scope="col">Details</th>
              </tr>
            </thead>
            <tbody>
              {audit.items.map((entry) => (
                <tr key={entry.seq}>
                  <td class="muted num">{day(entry.at)}</td>
                  <td title={entry.actor}>{shortName(entry.actor)}</td>
                  <td>{entry.action}</td>
                  <td title={entry.target ?? undefined}>{entry.target === null ? NONE : shortName(entry.target)}</td>
                  <td class="break muted">{detailsOf(entry)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      <More of={audit} />
    </Card>
  );
}

function detailsOf({ details }: AuditEntry): string {
  return Object.entries(details)
    .map(([name, value]) => `${name} ${typeof value === 'string' ? shortName(value) : JSON.stringify(value)}`)
    .join(', ');
}
