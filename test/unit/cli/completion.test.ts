import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runCommand } from '../../support/run-command.ts';

const SHELLS = ['bash', 'zsh', 'fish'] as const;
let directory: string;
const fileOf = (shell: string) => path.join(directory, `completion.${shell}`);

beforeAll(async () => {
  directory = mkdtempSync(path.join(tmpdir(), 'swarmbid-completion-'));
  for (const shell of SHELLS) {
    const { exitCode, stdout } = await runCommand(['completion', shell], { env: {} });
    expect(exitCode).toBe(0);
    writeFileSync(fileOf(shell), stdout);
  }
});
afterAll(() => rmSync(directory, { recursive: true }));

const isInstalled = (shell: string) => spawnSync(shell, ['-c', 'true']).status === 0;

/** What bash offers after these words; the last one is being typed. */
function offered(...words: string[]): string[] {
  const program = `source "$1"; shift; COMP_WORDS=(swarmbid "$@"); COMP_CWORD=$#; _swarmbid; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = spawnSync('bash', ['-c', program, 'bash', fileOf('bash'), ...words], { encoding: 'utf8' });
  expect(stderr).toBe('');
  return stdout.split('\n').filter((line) => line !== '');
}

describe('completion in bash', () => {
  test('offers the commands, and no others', () => {
    expect(offered('re')).toEqual(['reputation']);
    expect(offered('')).toEqual(expect.arrayContaining(['up', 'submit', 'data', 'completion', '--json', '--version']));
  });

  test('offers what a command has below it, its own options and the global ones', () => {
    expect(offered('keys', '')).toEqual(expect.arrayContaining(['create', 'list', 'revoke', 'pool', '--json']));
    expect(offered('keys', 'create', '--')).toEqual(
      expect.arrayContaining(['--role', '--name', '--owner', '--url', '--token', '--help']),
    );
    expect(offered('keys', 'create', '--')).not.toContain('--version');
  });

  test('offers the values of an option or an argument that has few, also behind global options', () => {
    expect(offered('--json', 'keys', 'create', '--role', 'a')).toEqual(['agent', 'admin']);
    expect(offered('completion', 'z')).toEqual(['zsh']);
  });

  test('offers nothing of its own where a file is to be named', () => {
    expect(offered('data', 'export', 'shop', '--out', '')).toEqual([]);
  });
});

test.each(SHELLS.filter(isInstalled))('the script for %s is one that this shell can read', (shell) => {
  const check = shell === 'fish' ? ['--no-execute'] : ['-n'];
  expect(spawnSync(shell, [...check, fileOf(shell)], { encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' });
});
