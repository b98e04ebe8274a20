import type { ComponentChildren } from 'preact';
import { SwarmbidError } from '../../sdk/index.ts';
import type { Resource } from '../state/use-resource.ts';
import { forgetKey } from '../state/session.ts';

/** What stands in a view's place while there is nothing to show. */
export function Loading({ what }: { what: string }) {
  return (
    <div class="loading" role="status">
      <span class="sr-only">Loading {what}</span>
      <span class="skeleton" />
      <span class="skeleton" />
      <span class="skeleton" />
    </div>
  );
}

export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      {children}
    </div>
  );
}

export function Failure({ error, retry }: { error: unknown; retry?: (() => unknown) | undefined }) {
  const { title, text } = explain(error);
  return (
    <div class="notice bad" role="alert">
      <p>
        <strong>{title}</strong> {text}
      </p>
      <div class="actions">
        {retry !== undefined && (
          <button type="button" class="button" onClick={() => void retry()}>
            Try again
          </button>
        )}
        {isForbidden(error) && (
          <button type="button" class="button" onClick={() => void forgetKey()}>
            Use another key
          </button>
        )}
      </div>
    </div>
  );
}

/** A resource in one of its states; what was read before stays, with the failure above it. */
export function Shown<Value>(props: {
  of: Resource<Value>;
  what: string;
  children: (value: Value) => ComponentChildren;
}) {
  const { value, error, reload } = props.of;
  return (
    <>
      {error !== undefined && <Failure error={error} retry={reload} />}
      {value !== undefined && props.children(value)}
      {value === undefined && error === undefined && <Loading what={props.what} />}
    </>
  );
}

function isForbidden(error: unknown): boolean {
  return error instanceof SwarmbidError && error.code === 'FORBIDDEN';
}

export function explain(error: unknown): { title: string; text: string } {
  if (!(error instanceof SwarmbidError)) {
    return { title: 'Something went wrong.', text: error instanceof Error ? error.message : String(error) };
  }
  switch (error.code) {
    case 'UNREACHABLE':
      return { title: 'The server does not answer.', text: 'Is it running? What was shown before may be out of date.' };
    case 'FORBIDDEN':
      return { title: 'This needs an admin’s key.', text: error.detail };
    case 'NOT_FOUND':
      return { title: 'Not found.', text: 'Nothing has this id, or it belongs to somebody else.' };
    default:
      return { title: error.detail, text: `(${error.code})` };
  }
}
