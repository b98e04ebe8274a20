import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { CampaignRun } from '../../src/cli/run-campaign.ts';
import { recheckRound } from '../../src/cli/recheck-receipt.ts';

const SWARMBID = path.resolve('src/bin/swarmbid.ts');

let temporary = '';
beforeEach(async () => {
  temporary = await mkdtemp(path.join(tmpdir(), 'swarmbid-test-'));
});
afterEach(async () => {
  await rm(temporary, { recursive: true, force: true });
});

test(
  'demo --model ends with exit 0: the agents think over the wire, and every part says that a model made it',
  { timeout: 120_000 },
  async () => {
    const env = { ...process.env, TMPDIR: temporary };
    const argv = [SWARMBID, 'demo', '--json', '--model', '--small-budget'];
    const { stdout } = await promisify(execFile)(process.execPath, argv, { env, maxBuffer: 2 ** 24 });
    const { ok, runs } = JSON.parse(stdout) as { ok: boolean; runs: CampaignRun[] };
    expect(ok).toBe(true);
    const subtasks = runs.flatMap((run) => run.task.subtasks);
    expect(subtasks.map(({ madeBy }) => madeBy?.method)).toEqual(['model', 'model', 'model']);
    for (const { result } of subtasks)
      expect(result).toMatchObject({ method: 'model', remark: expect.stringContaining('script') as unknown });
    expect(await readdir(temporary)).toEqual([]);
  },
);

test(
  'the demo ends by itself with exit 0: both campaigns run, the small budget is warned of, reputations move, nothing is left behind',
  { timeout: 120_000 },
  async () => {
    const another = { DATABASE_URL: 'postgres://not-to-be-touched.invalid/x', SWARMBID_TOKEN: 'sb_of-another-market' };
    const env = { ...process.env, ...another, TMPDIR: temporary };
    const { stdout } = await promisify(execFile)(process.execPath, [SWARMBID, 'demo', '--json'], {
      env,
      maxBuffer: 2 ** 24,
    });
    const { ok, runs } = JSON.parse(stdout) as { ok: boolean; runs: CampaignRun[] };
    expect(ok).toBe(true);
    expect(runs.map((run) => run.task.result?.success)).toEqual([true, true]);
    expect(runs.map((run) => run.task.result?.warnings.length)).toEqual([0, 1]);
    for (const { task, receipt, reputation } of runs) {
      expect(task.subtasks.map((subtask) => subtask.status)).toEqual(['accepted', 'accepted', 'accepted']);
      expect(receipt.rounds.flatMap(recheckRound)).toEqual([]);
      const moved = reputation.filter(({ before, after }) => after > before).map(({ agentId }) => agentId);
      expect(moved.sort()).toEqual([...new Set(task.subtasks.map((subtask) => subtask.agentId))].sort());
    }
    expect(await readdir(temporary)).toEqual([]);
  },
);
