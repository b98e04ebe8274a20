import { useState } from 'preact/hooks';
import type { ComponentChildren } from 'preact';
import { report } from '../state/session.ts';
import { explain } from './state.tsx';

/** What a button does: whether it is doing it, and what came of it. */
export function useAction() {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(undefined);
  const run = async (act: () => Promise<unknown>): Promise<boolean> => {
    setBusy(true);
    setError(undefined);
    try {
      await act();
      return true;
    } catch (caught) {
      if (!report(caught)) setError(caught);
      return false;
    } finally {
      setBusy(false);
    }
  };
  return { busy, error, run };
}

export function ActionError({ error }: { error: unknown }) {
  if (error === undefined) return null;
  const { title, text } = explain(error);
  return (
    <p class="form-error" role="alert">
      {title} {text}
    </p>
  );
}

/** A button that asks once more in its own place before it acts. */
export function ConfirmButton(props: {
  label: string;
  question: string;
  busy: boolean;
  onConfirm: () => void;
  tone?: 'bad';
}) {
  const [asked, setAsked] = useState(false);
  if (!asked) {
    return (
      <button type="button" class="button" disabled={props.busy} onClick={() => setAsked(true)}>
        {props.label}
      </button>
    );
  }
  const confirm = () => {
    setAsked(false);
    props.onConfirm();
  };
  return (
    <span class="confirm" role="group" aria-label={props.question}>
      <span>{props.question}</span>
      <button type="button" class={`button ${props.tone ?? 'primary'}`} onClick={confirm} autoFocus>
        Yes
      </button>
      <button type="button" class="button" onClick={() => setAsked(false)}>
        No
      </button>
    </span>
  );
}

export function Field(props: {
  label: string;
  for: string;
  hint?: string;
  error?: string | undefined;
  children: ComponentChildren;
}) {
  return (
    <div class={`field ${props.error === undefined ? '' : 'wrong'}`}>
      <label for={props.for}>{props.label}</label>
      {props.children}
      {props.hint !== undefined && props.error === undefined && (
        <p class="hint" id={`${props.for}-hint`}>
          {props.hint}
        </p>
      )}
      {props.error !== undefined && (
        <p class="field-error" id={`${props.for}-hint`} role="alert">
          {props.error}
        </p>
      )}
    </div>
  );
}
