import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';

interface Answer {
  id: number;
  value?: unknown;
  error?: string;
}

/** A process that is measured: started from a file of this folder, asked over IPC. */
export class Child {
  readonly name: string;
  private readonly child: ChildProcess;
  private readonly waiting = new Map<number, PromiseWithResolvers<unknown>>();
  private lastId = 0;
  private stopping = false;

  /** @param as the flags of `npm start`, or those of the Dockerfile for a process of one role */
  constructor(file: 'market.ts' | 'bare-pipeline.ts', as: 'npm start' | 'image' = 'npm start') {
    this.name = file;
    const flags = {
      'npm start': ['--max-semi-space-size=8'],
      image: ['--max-semi-space-size=4', '--optimize-for-size'],
    };
    this.child = fork(path.join(import.meta.dirname, file), { env: environment(), execArgv: flags[as] });
    this.child.on('message', (answer: Answer) => this.take(answer));
    this.child.on('exit', (code, signal) => {
      const error = new Error(`${file} ended with ${signal ?? `code ${code}`}`);
      for (const { reject } of this.waiting.values()) reject(error);
      if (!this.stopping) process.emitWarning(error);
    });
  }

  ask<Value>(kind: string, argument: unknown = null): Promise<Value> {
    const id = ++this.lastId;
    const question = Promise.withResolvers<unknown>();
    this.waiting.set(id, question);
    this.child.send({ id, kind, argument });
    return question.promise as Promise<Value>;
  }

  /** The most memory that the process has had resident, in MB (10⁶ bytes). */
  async maxRssMb(): Promise<number> {
    return (await this.ask<number>('max-rss-kib')) * 1.024e-3;
  }

  async stop(): Promise<void> {
    if (this.stopping || this.child.exitCode !== null) return;
    this.stopping = true;
    await this.ask('stop');
    const ended = once(this.child, 'exit');
    this.child.disconnect();
    await ended;
  }

  private take({ id, value, error }: Answer): void {
    const question = this.waiting.get(id);
    this.waiting.delete(id);
    if (error === undefined) question?.resolve(value);
    else question?.reject(new Error(`${this.name}: ${error}`));
  }
}

/** Ours, without what would configure the market behind the benchmark's back. */
function environment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(SWARMBID_|DATABASE_|REDIS_URL$|AWARD_|HOST$|PORT$)/.test(name),
  );
  return { ...Object.fromEntries(kept), NODE_ENV: 'production' };
}
