import { PassThrough, Readable } from 'node:stream';
import { runCli } from '../../src/cli/run-cli.ts';
import { startFakeMarketServer } from './fake-market-server.ts';

export interface CommandOutcome {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/** Runs one command line in this process, with an environment of its own. */
export async function runCommand(
  argv: readonly string[],
  world: { env: NodeJS.ProcessEnv; stdin?: string },
): Promise<CommandOutcome> {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const exitCode = await runCli(argv, { stdin: Readable.from([world.stdin ?? '']), stdout, stderr, env: world.env });
  return { exitCode, stdout: textOf(stdout), stderr: textOf(stderr) };
}

function textOf(stream: PassThrough): string {
  stream.end();
  const chunk: unknown = stream.read();
  return Buffer.isBuffer(chunk) ? chunk.toString('utf8') : '';
}

/** The address of a server that has been closed: nobody listens there. */
export async function closedAddress(): Promise<string> {
  const closed = await startFakeMarketServer(() => ({}));
  await closed.close();
  return closed.url;
}
