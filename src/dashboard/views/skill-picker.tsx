import { useState } from 'preact/hooks';

interface SkillPickerProps {
  offered: readonly string[];
  chosen: readonly string[];
  error: string | undefined;
  onChange: (skills: string[]) => void;
}

/** The market's skills as switches, and a field for others. */
export function SkillPicker({ offered, chosen, error, onChange }: SkillPickerProps) {
  const [typed, setTyped] = useState('');
  const all = [...new Set([...offered, ...chosen])];
  const toggle = (skill: string) =>
    onChange(chosen.includes(skill) ? chosen.filter((one) => one !== skill) : [...chosen, skill]);
  const add = () => {
    const skill = typed.trim().toLowerCase();
    setTyped('');
    if (skill !== '' && !chosen.includes(skill)) onChange([...chosen, skill]);
  };
  return (
    <fieldset class={`field skills ${error === undefined ? '' : 'wrong'}`}>
      <legend>Skills that it needs</legend>
      <div class="tags">
        {all.map((skill) => (
          <button
            key={skill}
            type="button"
            class="tag choice"
            aria-pressed={chosen.includes(skill)}
            onClick={() => toggle(skill)}
          >
            {skill}
          </button>
        ))}
        <input
          class="tag-input"
          aria-label="Another skill"
          placeholder="another …"
          value={typed}
          onInput={(event) => setTyped(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key !== 'Enter') return;
            event.preventDefault();
            add();
          }}
          onBlur={add}
        />
      </div>
      {error !== undefined && (
        <p class="field-error" role="alert">
          {error}
        </p>
      )}
    </fieldset>
  );
}
