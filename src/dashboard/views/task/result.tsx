import type { TaskResult, TaskView } from '../../../sdk/index.ts';
import { duration, number, words } from '../../format.ts';
import { isRecord } from '../../fields.ts';
import { AgentLink, Card, Facts, Tags } from '../../ui/parts.tsx';
import { Json } from './json.tsx';

export function ResultCard({ task }: { task: TaskView }) {
  const { result, error, warnings } = task;
  if (result === undefined && error === undefined && warnings.length === 0) return null;
  return (
    <Card title={result === undefined ? (error === undefined ? 'Warnings' : 'What went wrong') : 'Result'}>
      {error !== undefined && (
        <div class="notice bad">
          <p>
            <strong>{words(error.code)}.</strong> {error.message}
          </p>
          {error.uncoveredSkills !== undefined && <Tags of={error.uncoveredSkills} />}
        </div>
      )}
      {result !== undefined && <Figures result={result} />}
      <Warnings of={result?.warnings ?? warnings} />
      {result !== undefined && <Sections of={result.sections} />}
    </Card>
  );
}

function Figures({ result }: { result: TaskResult }) {
  return (
    <Facts
      of={[
        ['Outcome', result.success ? 'every required part was accepted' : 'not all required parts were accepted'],
        [
          'By',
          <span key="by" class="inline">
            {result.contributors.map((id) => (
              <AgentLink key={id} id={id} />
            ))}
          </span>,
        ],
        ['Quality', result.quality === null ? 'not measured' : `${number(result.quality)} of 100`],
        ['Took', duration(result.durationMs)],
      ]}
    />
  );
}

function Warnings({ of }: { of: TaskView['warnings'] }) {
  return (
    <>
      {of.map((warning, index) => (
        <div key={index} class="notice warn">
          <p>
            <strong>{warning.rule}</strong> {shortened(warning)}
          </p>
          {warning.blame.length > 0 && (
            <p class="hint">
              Concerns <Tags of={warning.blame} />
            </p>
          )}
        </div>
      ))}
    </>
  );
}

/** Its message begins with its rule's name, which stands there already. */
function shortened({ rule, message }: TaskView['warnings'][number]): string {
  const quoted = `"${rule}" `;
  return message.startsWith(quoted) ? message.slice(quoted.length) : message;
}

function Sections({ of }: { of: TaskResult['sections'] }) {
  const sections = Object.entries(of);
  return (
    <div class="sections">
      {sections.map(([skill, value]) => (
        <details key={skill} open={sections.length === 1}>
          <summary>
            {skill} <span class="muted">{summaryOf(value)}</span>
          </summary>
          <Json value={value} />
        </details>
      ))}
    </div>
  );
}

/** The first sentence that the section has to say of itself, if any. */
function summaryOf(value: unknown): string {
  if (!isRecord(value)) return '';
  const said = ['summary', 'headline', 'subject', 'answer']
    .map((name) => value[name])
    .find((one) => typeof one === 'string');
  return typeof said === 'string' ? said : `${Object.keys(value).length} fields`;
}
