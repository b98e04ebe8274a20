import { PassThrough } from 'node:stream';
import pc from 'picocolors';
import { expect, test } from 'vitest';
import { colorsFor } from '../../../src/cli/colors.ts';
import { createProgressView } from '../../../src/cli/progress-view.ts';

const terminal = (isTTY: boolean) => Object.assign(new PassThrough(), { isTTY, columns: 120 });
const written = (stream: PassThrough) => String(stream.read() ?? '');
const half = { subtaskId: 's-0', label: '#0 seo', percent: 50, note: 'reading', lines: ['progress    #0 seo · 50 %'] };

test('where there is no terminal each progress is a line, without control sequences', () => {
  const stream = terminal(false);
  const view = createProgressView(stream, pc.createColors(false));
  view.progress(half);
  view.line('next');
  view.settle();
  expect(written(stream)).toBe('progress    #0 seo · 50 %\nnext\n');
});

test('on a terminal progress is a bar for each subtask, and lines written meanwhile are not lost', () => {
  const stream = terminal(true);
  const view = createProgressView(stream, pc.createColors(false));
  view.progress(half);
  view.progress({ ...half, percent: 75 });
  view.line('a line between');
  view.settle();
  const text = written(stream);
  expect(text).toContain('a line between\n');
  expect(text.slice(text.indexOf('a line between'))).toMatch(/#0 seo +█+░+ 75 % {2}reading/);
});

test.each([
  [true, {}, true],
  [true, { NO_COLOR: '1' }, false],
  [true, { NO_COLOR: '' }, true],
  [true, { TERM: 'dumb' }, false],
  [false, { FORCE_COLOR: '1', CI: 'true' }, false],
])('terminal %j with %j: colours %j', (isTTY, env, expected) => {
  expect(colorsFor(terminal(isTTY), env).isColorSupported).toBe(expected);
});
