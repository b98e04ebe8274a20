import { access, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { TaskSubmission } from '../sdk/index.ts';

export interface DemoCampaign {
  title: string;
  /** What a stranger should look out for. */
  about: string;
  submission: TaskSubmission;
  /** True for the brief whose costs do not fit its budget: a run of it must end with a warning. */
  warningExpected: boolean;
}

export interface DemoCampaigns {
  campaigns: DemoCampaign[];
  /** Rows of the CSV file, without its header. */
  csvRows: number;
  csvBytes: number;
}

const SOUND = {
  title: 'A campaign with a sound budget',
  about: 'Three skills are wanted: the agents bid, the best of them form a team, and their parts must fit together.',
  file: 'brief.json',
  warningExpected: false,
};
const SMALL = {
  title: 'The same campaign with a budget that is too small',
  about: 'The campaign costs more than the budget allows: the market must notice, and say so in a warning.',
  file: 'brief-small-budget.json',
  warningExpected: true,
};

/** The briefs that ship, each with the campaigns of the past as `data.campaignsCsv`. */
export async function readDemoCampaigns(smallBudgetOnly: boolean): Promise<DemoCampaigns> {
  const directory = await examplesDir();
  const csv = await readFile(new URL('campaigns.csv', directory), 'utf8');
  const chosen = smallBudgetOnly ? [SMALL] : [SOUND, SMALL];
  const campaigns = chosen.map(async ({ file, ...campaign }) => {
    const brief = JSON.parse(await readFile(new URL(file, directory), 'utf8')) as TaskSubmission;
    return { ...campaign, submission: { ...brief, data: { ...brief.data, campaignsCsv: csv } } };
  });
  return {
    campaigns: await Promise.all(campaigns),
    csvRows: csv.trimEnd().split('\n').length - 1,
    csvBytes: Buffer.byteLength(csv),
  };
}

/** Sources and the built package lie at different depths below the folder of the examples. */
async function examplesDir(): Promise<URL> {
  let folder = new URL('.', import.meta.url);
  for (;;) {
    const candidate = new URL('examples/data/', folder);
    if (await exists(new URL('brief.json', candidate))) return candidate;
    const parent = new URL('..', folder);
    if (parent.href === folder.href) {
      throw new Error(
        `examples/data/brief.json is not to be found above ${fileURLToPath(import.meta.url)}: the installation lacks its examples`,
      );
    }
    folder = parent;
  }
}

function exists(file: URL): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
