/** Scripts by which a shell completes the command line, made from commander's own tree: what is added there is completed here. */
import type { Command, Option } from 'commander';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

interface Flag {
  name: string;
  description: string;
  takesValue: boolean;
  choices: readonly string[];
}

/** A command, by the words that lead to it; the program itself by none. */
interface Place {
  words: readonly string[];
  commands: { name: string; description: string }[];
  flags: Flag[];
  /** Values of its first argument, where they are few. */
  values: readonly string[];
}

export function completionScript(program: Command, shell: Shell): string {
  const places = placesOf(program, []);
  return { bash, zsh, fish }[shell](places);
}

function placesOf(command: Command, words: readonly string[], inherited: readonly Flag[] = []): Place[] {
  const flags = [...command.options.filter((option) => !option.hidden).map(flagOf), ...inherited];
  const commands = command.commands.map((one) => ({ name: one.name(), description: one.description() }));
  const values = command.registeredArguments[0]?.argChoices ?? [];
  const help = { name: '--help', description: 'show help', takesValue: false, choices: [] };
  return [
    { words, commands, flags: [...flags, help], values },
    ...command.commands.flatMap((one) =>
      placesOf(
        one,
        [...words, one.name()],
        flags.filter(({ name }) => name !== '--version'),
      ),
    ),
  ];
}

function flagOf(option: Option): Flag {
  const { description, argChoices = [] } = option;
  return {
    name: option.long ?? option.flags,
    description,
    takesValue: option.required || option.optional,
    choices: argChoices,
  };
}

const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;
const key = ({ words }: Place) => words.join(' ');
const below = (places: readonly Place[]) => places.filter(({ words }) => words.length > 0);

/** Follows the words typed so far down the tree, in `at`. */
const walk = (places: readonly Place[], typed: string) => `  local at='' word
  for word in ${typed}; do
    case "\${at:+$at }$word" in
      ${below(places).map(key).map(quoted).join('|')}) at="\${at:+$at }$word" ;;
    esac
  done`;

/** For each flag with choices, and for each that takes any value, a case of `place:flag`. */
const valueCases = (places: readonly Place[], choices: (words: readonly string[]) => string, any: string) =>
  places.flatMap((place) =>
    place.flags
      .filter((flag) => flag.takesValue)
      .map((flag) => {
        const answer = flag.choices.length > 0 ? choices(flag.choices) : any;
        return `    ${quoted(`${key(place)}:${flag.name}`)}) ${answer}; return ;;`;
      }),
  );

function bash(places: readonly Place[]): string {
  const reply = (words: readonly string[]) => `COMPREPLY=($(compgen -W ${quoted(words.join(' '))} -- "$cur"))`;
  return `# bash completion for swarmbid: source <(swarmbid completion bash)
_swarmbid() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="\${COMP_WORDS[COMP_CWORD-1]}"
${walk(places, '"${COMP_WORDS[@]:1:COMP_CWORD-1}"')}
  COMPREPLY=()
  case "$at:$prev" in
${valueCases(places, reply, 'true').join('\n')}
  esac
  case "$at" in
${places.map((place) => `    ${quoted(key(place))}) ${reply([...namesOf(place), ...place.values, ...place.flags.map((flag) => flag.name)])} ;;`).join('\n')}
  esac
}
complete -o default -F _swarmbid swarmbid
`;
}

const namesOf = (place: Place) => place.commands.map((command) => command.name);

function zsh(places: readonly Place[]): string {
  const described = ({ name, description }: { name: string; description: string }) =>
    quoted(`${name}:${description.replaceAll(':', '\\:')}`);
  const offer = (place: Place) =>
    [
      ...place.commands.map(described),
      ...place.values.map((name) => described({ name, description: '' })),
      ...place.flags.map(described),
    ].join(' ');
  return `#compdef swarmbid
# zsh completion for swarmbid: swarmbid completion zsh > "\${fpath[1]}/_swarmbid"
_swarmbid() {
  local -a offered
${walk(places, '"${(@)words[2,CURRENT-1]}"')}
  case "$at:\${words[CURRENT-1]}" in
${valueCases(places, (words) => `compadd -- ${words.map(quoted).join(' ')}`, '_files').join('\n')}
  esac
  case "$at" in
${places.map((place) => `    ${quoted(key(place))}) offered=(${offer(place)}) ;;`).join('\n')}
  esac
  _describe 'swarmbid' offered
  _files
}
if [ "$funcstack[1]" = "_swarmbid" ]; then _swarmbid "$@"; else compdef _swarmbid swarmbid; fi
`;
}

function fish(places: readonly Place[]): string {
  const lines = places.flatMap((place) => {
    const at = `-n ${quoted(conditionOf(place))}`;
    const offered = [...place.commands, ...place.values.map((name) => ({ name, description: '' }))];
    return [
      ...offered.map(({ name, description }) => `complete -c swarmbid ${at} -f -a ${name} -d ${quoted(description)}`),
      ...place.flags.map((flag) => `complete -c swarmbid ${at} ${fishFlag(flag)} -d ${quoted(flag.description)}`),
    ];
  });
  return `# fish completion for swarmbid: swarmbid completion fish > ~/.config/fish/completions/swarmbid.fish
${lines.join('\n')}
`;
}

function fishFlag({ name, takesValue, choices }: Flag): string {
  const long = `-l ${name.slice(2)}`;
  if (choices.length > 0) return `${long} -x -a ${quoted(choices.join(' '))}`;
  return takesValue ? `${long} -r` : long;
}

/** That the words of the place have been typed, and no command below it. */
function conditionOf({ words, commands }: Place): string {
  const seen = words.map((word) => `__fish_seen_subcommand_from ${word}`);
  const names = commands.map(({ name }) => name).join(' ');
  const unseen = commands.length === 0 ? [] : [`not __fish_seen_subcommand_from ${names}`];
  return [...seen, ...unseen].join('; and ');
}
