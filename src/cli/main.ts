import { runCli } from './run-cli.ts';

/** The command line of this process. The exit code is set, not forced: what is still being written gets out. */
export async function main(): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', endOnBrokenPipe);
  const { stdin, stdout, stderr, env } = process;
  process.exitCode = await runCli(process.argv.slice(2), { stdin, stdout, stderr, env });
}

/** `swarmbid award ID | head` closes the pipe early: that is no fault. */
function endOnBrokenPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
}
