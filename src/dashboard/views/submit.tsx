import { useState } from 'preact/hooks';
import { SwarmbidError, type TaskSubmission } from '../../sdk/index.ts';
import { go, taskPath } from '../state/router.ts';
import { client } from '../state/session.ts';
import { useResource } from '../state/use-resource.ts';
import {
  EMPTY_FORM,
  errorsByField,
  taskOfTexts,
  textsOfTask,
  type FieldErrors,
  type FormTexts,
} from '../submission-form.ts';
import { ActionError, Field, useAction } from '../ui/action.tsx';
import { PageHead } from '../ui/parts.tsx';
import { EXAMPLES } from './examples.ts';
import { SkillPicker } from './skill-picker.tsx';

/** Enough for every skill that is shown as a choice; others are typed. */
const SKILLS_OFFERED = 200;

/** The form's texts, what is wrong with them, and the way to the server. */
function useSubmission() {
  const [texts, setTexts] = useState<FormTexts>(EMPTY_FORM);
  const [errors, setErrors] = useState<FieldErrors>({});
  const action = useAction();
  const submit = async () => {
    const read = taskOfTexts(texts);
    setErrors('errors' in read ? read.errors : {});
    if ('errors' in read) return;
    await action.run(async () => {
      // whatever else is wrong with it, the server says by field
      const { id } = await client.value.submit(read.task as TaskSubmission);
      go(taskPath(id));
    });
  };
  const refused = action.error instanceof SwarmbidError ? errorsByField(action.error.errors) : {};
  const fill = (filled: FormTexts) => {
    setTexts(filled);
    setErrors({});
  };
  const change = (changes: Partial<FormTexts>) => setTexts((before) => ({ ...before, ...changes }));
  return { texts, errors: { ...refused, ...errors }, action, submit, fill, change };
}

export function SubmitView() {
  const { texts, errors, action, submit, fill, change } = useSubmission();
  const onSubmit = (event: Event) => {
    event.preventDefault();
    void submit();
  };
  return (
    <div class="narrow">
      <PageHead
        title="Submit a task"
        sub="Every agent decides for itself whether to bid; the best bids get the work."
      />
      <Examples onChoose={(task) => fill(textsOfTask(task))} />
      <form class="card form" noValidate onSubmit={onSubmit}>
        <Essentials texts={texts} errors={errors} change={change} />
        <details class="more" open={Object.keys(errors).some((name) => MORE.has(name))}>
          <summary>More</summary>
          <More texts={texts} errors={errors} change={change} />
        </details>
        <ActionError error={action.error} />
        <div class="actions">
          <button type="submit" class="button primary" disabled={action.busy}>
            {action.busy ? 'Submitting …' : 'Submit'}
          </button>
          <a class="button" href="#/tasks">
            Back
          </a>
        </div>
      </form>
    </div>
  );
}

function Examples({ onChoose }: { onChoose: (task: TaskSubmission) => void }) {
  return (
    <section class="examples" aria-label="Examples">
      {EXAMPLES.map(({ name, about, task }) => (
        <button key={name} type="button" class="example" onClick={() => onChoose(task)}>
          <strong>{name}</strong>
          <span>{about}</span>
        </button>
      ))}
    </section>
  );
}

interface FormProps {
  texts: FormTexts;
  errors: FieldErrors;
  change: (changes: Partial<FormTexts>) => void;
}

function Essentials({ texts, errors, change }: FormProps) {
  const skills = useResource((api, signal) => api.skills({ limit: SKILLS_OFFERED, signal }), []);
  return (
    <>
      <Text name="type" label="Type" hint="A word for what it is, as cost-review" {...{ texts, errors, change }} />
      <Area name="description" label="Description" rows={2} {...{ texts, errors, change }} />
      <SkillPicker
        offered={skills.value?.items.map(({ id }) => id) ?? []}
        chosen={texts.requiredSkills}
        error={errors['requiredSkills']}
        onChange={(requiredSkills) => change({ requiredSkills })}
      />
      <div class="pair">
        <Choice
          name="priority"
          label="Priority"
          options={['low', 'normal', 'high', 'critical']}
          none="normal, unless chosen"
          {...{ texts, errors, change }}
        />
        <Choice
          name="complexity"
          label="Complexity"
          options={['simple', 'moderate', 'complex']}
          none="by number of skills"
          {...{ texts, errors, change }}
        />
      </div>
      <Area
        name="data"
        label="Data"
        rows={7}
        hint="An object in JSON: what the agents work on"
        mono
        {...{ texts, errors, change }}
      />
    </>
  );
}

const MORE: ReadonlySet<string> = new Set([
  'domain',
  'deadline',
  'policy',
  'maxTeamSize',
  'maxAttempts',
  'timeoutMs',
  'biddingTimeMs',
  'maxTokens',
  'maxCostUsd',
  'rules',
  'steps',
]);

function More({ texts, errors, change }: FormProps) {
  const props = { texts, errors, change };
  return (
    <div class="form">
      <div class="pair">
        <Text name="domain" label="Domain" hint="Only agents of this domain may bid" {...props} />
        <Moment name="deadline" label="Deadline" {...props} />
        <Text name="maxTeamSize" label="Agents at most" hint="1–10; default by complexity" {...props} />
        <Text name="maxAttempts" label="Attempts at most" hint="A part; default 3" {...props} />
        <Text name="timeoutMs" label="Time for one attempt (ms)" hint="Default 60 000" {...props} />
        <Text name="biddingTimeMs" label="Look for agents for (ms)" hint="Default 30 000" {...props} />
        <Text name="maxTokens" label="Tokens at most" {...props} />
        <Text name="maxCostUsd" label="Cost at most (US$)" {...props} />
        <Text name="policy" label="Award policy" hint="Default weighted" {...props} />
      </div>
      <label class="check">
        <input
          type="checkbox"
          checked={texts.allowPartial}
          onChange={(event) => change({ allowPartial: event.currentTarget.checked })}
        />
        A result without some of its parts is better than none
      </label>
      <Area
        name="rules"
        label="Rules"
        rows={3}
        hint="A list in JSON of {name, expression, severity, blame}"
        mono
        {...props}
      />
      <Area name="steps" label="Steps" rows={3} hint="A list in JSON of {id, skills, dependsOn}" mono {...props} />
    </div>
  );
}

type TextName = { [Name in keyof FormTexts]: FormTexts[Name] extends string ? Name : never }[keyof FormTexts];

interface InputProps extends FormProps {
  name: TextName;
  label: string;
  hint?: string;
}

function described({ name, errors, hint }: InputProps) {
  const wrong = errors[name] !== undefined;
  return { 'aria-invalid': wrong, 'aria-describedby': wrong || hint !== undefined ? `${name}-hint` : undefined };
}

function labelled({ name, label, hint, errors }: InputProps) {
  return { label, for: name, error: errors[name], ...(hint === undefined ? {} : { hint }) };
}

function Text(props: InputProps) {
  const { name, texts, change } = props;
  return (
    <Field {...labelled(props)}>
      <input
        id={name}
        type="text"
        spellcheck={false}
        autoComplete="off"
        value={texts[name]}
        {...described(props)}
        onInput={(event) => change({ [name]: event.currentTarget.value })}
      />
    </Field>
  );
}

function Moment(props: InputProps) {
  const { name, texts, change } = props;
  return (
    <Field {...labelled(props)}>
      <input
        id={name}
        type="datetime-local"
        value={texts[name]}
        {...described(props)}
        onInput={(event) => change({ [name]: event.currentTarget.value })}
      />
    </Field>
  );
}

function Area(props: InputProps & { rows: number; mono?: boolean }) {
  const { name, texts, change } = props;
  return (
    <Field {...labelled(props)}>
      <textarea
        id={name}
        rows={props.rows}
        class={props.mono === true ? 'mono' : ''}
        spellcheck={props.mono !== true}
        value={texts[name]}
        {...described(props)}
        onInput={(event) => change({ [name]: event.currentTarget.value })}
      />
    </Field>
  );
}

function Choice(props: InputProps & { options: readonly string[]; none: string }) {
  const { name, texts, change } = props;
  return (
    <Field {...labelled(props)}>
      <select
        id={name}
        value={texts[name]}
        {...described(props)}
        onChange={(event) => change({ [name]: event.currentTarget.value })}
      >
        <option value="">{props.none}</option>
        {props.options.map((option) => (
          <option key={option} value={option}>
            {option}
          </option>
        ))}
      </select>
    </Field>
  );
}
