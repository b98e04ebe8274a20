import type { Command } from 'commander';
import { ConfigError, readConfig, type Config } from '../../config.ts';
import type { Check } from '../../doctor.ts';
import { SwarmbidError } from '../../sdk/index.ts';
import type { Colors } from '../colors.ts';
import { onAction, withExamples, type CommandHost } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import { TLS_ADVICE } from '../explain-error.ts';
import { isTlsFault } from '../../util/tls-fault.ts';
import type { Session } from '../session.ts';

const OLDEST_NODE = [22, 18] as const;

export function addDoctorCommand(program: Command, host: CommandHost): void {
  const command = program
    .command('doctor')
    .description('check everything that the market stands on, and say how to mend what fails')
    .option('--no-server', 'leave out whether a server runs, as before the first start')
    .option('--audit', 'also verify the hash chain of the audit trail; names the first row that does not hold')
    .addHelpText('after', '\nExit code 1 if a check fails.');
  withExamples(command, 'swarmbid doctor', 'swarmbid doctor --no-server --json', 'swarmbid doctor --audit');
  onAction<{ server: boolean; audit?: true }>(host, command, async (session, options) => {
    const checks = await allChecks(session, options);
    session.print(...checks.flatMap((check) => renderCheck(check, session.colors)));
    const ok = checks.every((check) => check.ok);
    session.print(
      '',
      ok ? 'All is well.' : `${checks.filter((check) => !check.ok).length} of ${checks.length} checks failed.`,
    );
    session.printDocument({ ok, checks });
    return ok ? EXIT.done : EXIT.failed;
  });
}

async function allChecks(session: Session, options: { server: boolean; audit?: true }): Promise<Check[]> {
  const environment = checkEnvironment(session.streams.env);
  const { checkAuditTrail, checkStores } = await import('../../doctor.ts');
  return [
    checkNode(process.versions.node),
    environment.check,
    ...(environment.config === null ? [] : await checkStores(environment.config)),
    ...(options.audit === true && environment.config !== null ? [await checkAuditTrail(environment.config)] : []),
    ...(options.server ? [await checkServer(session)] : []),
  ];
}

function checkNode(version: string): Check {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const ok = major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1]);
  return {
    name: 'Node',
    ok,
    detail: version,
    mend: ok ? null : `Install Node 24; at least ${OLDEST_NODE.join('.')} is needed.`,
  };
}

function checkEnvironment(env: NodeJS.ProcessEnv): { check: Check; config: Config | null } {
  const name = 'Environment';
  try {
    return { check: { name, ok: true, detail: 'no faults', mend: null }, config: readConfig(env) };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const mend = 'Correct these variables; .env.example tells the range of each.';
    return { check: { name, ok: false, detail: error.message, mend }, config: null };
  }
}

async function checkServer({ client }: Session): Promise<Check> {
  const name = 'Server';
  try {
    const { ready, details } = await client.readiness();
    if (ready) return { name, ok: true, detail: `${client.url} is ready`, mend: null };
    const detail = `${client.url} is not ready: ${JSON.stringify(details)}`;
    return { name, ok: false, detail, mend: 'Mend the store that it names; the server recovers by itself.' };
  } catch (error) {
    if (!(error instanceof SwarmbidError)) throw error;
    const mend = isTlsFault(error)
      ? TLS_ADVICE
      : 'Start it with `npm start`, or name another with --url or SWARMBID_URL; --no-server leaves this check out.';
    return { name, ok: false, detail: error.detail, mend };
  }
}

function renderCheck(check: Check, colors: Colors): string[] {
  const mark = check.ok ? colors.green('ok  ') : colors.red('FAIL');
  const [first = '', ...rest] = check.detail.split('\n');
  return [
    `${mark}  ${check.name.padEnd(18)} ${first}`,
    ...rest.map((line) => `      ${line}`),
    ...(check.mend === null ? [] : [`      → ${check.mend}`]),
  ];
}
