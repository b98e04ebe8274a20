/**
 * Where strangers' expressions are evaluated over strangers' deliveries, and schemas are held against them: a process of
 * its own, so that nothing asked can hold up the market or end it. JSONata watches its own time and depth, but not within
 * one regular expression or one built-in function; Ajv watches nothing; and one large allocation aborts a whole process,
 * whatever bounds a thread of it may have.
 *
 * 1. Questions are answered one at a time, in the order asked. Each gets exactly one answer; a mismatch ends its batch.
 * 2. A question that takes longer than its limit is a fault, and so is the rest of its batch: its process is killed, and a
 *    new one goes on with the next batch. All that is asked for at once has BATCH_LIMIT_MS.
 * 3. A question whose process dies is asked once more, of a new one, for the cause may lie outside; then it is a fault
 *    as in 2.
 * 4. Questions are sent only to a process that is ready. One that cannot be started is nobody's fault but the market's:
 *    what was asked then rejects, and so does what is unanswered when the sandbox closes.
 * 5. The input is copied to the process: an expression changes nothing outside.
 * 6. An idle sandbox does not keep the market's process running, and does not outlive it.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { errorText } from '../util/error-text.ts';
import {
  BATCH_LIMIT_MS,
  EXPRESSION_LIMIT_MS,
  HEAP_LIMIT_MIB,
  SCHEMA_LIMIT_MS,
  START_LIMIT_MS,
  type Answer,
  type SandboxMessage,
  type SandboxRequest,
} from './sandbox-limits.ts';

const STARTS_TRIED = 3;
const NOT_REACHED: Answer = {
  kind: 'fault',
  message: 'it was not looked at: what was asked before it had to be stopped',
};

export interface Sandbox {
  /**
   * An answer for each question over one JSON `input`; after a mismatch the rest are missing. What goes wrong with a
   * question is a fault in its place. Rejects only if no process can be started, or the sandbox is closed.
   */
  ask(request: SandboxRequest): Promise<Answer[]>;
  /** Ends the process; what is still asked for rejects. */
  close(): Promise<void>;
}

interface Batch extends SandboxRequest {
  answers: Answer[];
  /** On the clock of `performance`; undefined until a process has it. */
  startedAtMs: number | undefined;
  /** The question at hand has cost one process its life. */
  askedAgain: boolean;
  resolve(answers: Answer[]): void;
  reject(error: Error): void;
}

export interface SandboxLimits {
  expressionLimitMs: number;
  schemaLimitMs: number;
  batchLimitMs: number;
}

const LIMITS: SandboxLimits = {
  expressionLimitMs: EXPRESSION_LIMIT_MS,
  schemaLimitMs: SCHEMA_LIMIT_MS,
  batchLimitMs: BATCH_LIMIT_MS,
};

/**
 * The second wall, should an expression ever get out of JSONata: no file is written, no program started, no addon loaded.
 * Reading is left, for Node has to find its modules; the environment, where secrets are, is empty.
 */
const CONFINEMENT = ['--permission', '--allow-fs-read=*', '--allow-worker'];
/** Ajv compiles what it checks by; JSONata has no need to. */
const NO_EVAL = ['--disallow-code-generation-from-strings'];

// run from source, or from the emitted package
const ENTRY = fileURLToPath(
  import.meta.url.endsWith('.ts')
    ? new URL('./sandbox-process.ts', import.meta.url)
    : new URL('./sandbox-process.js', import.meta.url),
);

/** For `schemas`, Ajv is made ready before the first question. The limits are given by tests alone. */
export function createSandbox(role: 'expressions' | 'schemas', limits: Partial<SandboxLimits> = {}): Sandbox {
  return new ProcessSandbox(role, { ...LIMITS, ...limits });
}

class ProcessSandbox implements Sandbox {
  readonly #role: string;
  readonly #limits: SandboxLimits;
  /** The first one is with the process. */
  readonly #batches: Batch[] = [];
  #child: ChildProcess | undefined;
  #ready = false;
  #failedStarts = 0;
  /** Runs while there is a question, and keeps the market's process alive for its answer. */
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(role: string, limits: SandboxLimits) {
    this.#role = role;
    this.#limits = limits;
  }

  ask({ questions, input }: SandboxRequest): Promise<Answer[]> {
    if (questions.length === 0) return Promise.resolve([]);
    if (this.#closed) return Promise.reject(closing());
    return new Promise((resolve, reject) => {
      this.#batches.push({
        questions,
        input,
        answers: [],
        startedAtMs: undefined,
        askedAgain: false,
        resolve,
        reject,
      });
      if (this.#batches.length === 1) this.#send();
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const batch of this.#batches.splice(0)) batch.reject(closing());
    await this.#kill();
  }

  /** Gives the process what is left of the first batch; where there is none, starts one, which says when it is ready. */
  #send(): void {
    const [batch] = this.#batches;
    if (batch === undefined) return;
    if (this.#child === undefined) return this.#start();
    if (!this.#ready) return;
    const child = this.#child;
    batch.startedAtMs ??= performance.now();
    this.#watch();
    try {
      const request: SandboxRequest = { questions: batch.questions.slice(batch.answers.length), input: batch.input };
      child.send(request, (error) => {
        if (error !== null && this.#child === child) this.#die(error.message);
      });
    } catch (error) {
      // the input cannot be written as JSON, as a cycle cannot
      this.#fail(batch, errorText(error));
    }
  }

  #start(): void {
    this.#watch();
    try {
      this.#child = this.#fork();
    } catch (error) {
      this.#die(errorText(error));
    }
  }

  #fork(): ChildProcess {
    const child = fork(ENTRY, [this.#role], {
      env: {},
      execArgv: [
        `--max-old-space-size=${HEAP_LIMIT_MIB}`,
        ...CONFINEMENT,
        ...(this.#role === 'schemas' ? [] : NO_EVAL),
      ],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    child.unref();
    child.channel?.unref();
    // a process that was given up on may still speak: only the present one is heard
    const ifPresent = (act: () => void) => {
      if (this.#child === child) act();
    };
    child.on('message', (message: SandboxMessage) => ifPresent(() => this.#hear(message)));
    child.on('error', (error) => ifPresent(() => this.#die(error.message)));
    child.on('exit', (code, signal) => ifPresent(() => this.#die(`its process ended (${signal ?? code})`)));
    return child;
  }

  #hear(message: SandboxMessage): void {
    if (message.kind === 'answered') return this.#take(message.answer);
    this.#ready = true;
    this.#failedStarts = 0;
    this.#unwatch();
    this.#send();
  }

  #limitMs(): number {
    if (!this.#ready) return START_LIMIT_MS;
    const [batch] = this.#batches;
    const kind = batch?.questions[batch.answers.length]?.kind;
    return kind === 'expression' || kind === 'value' ? this.#limits.expressionLimitMs : this.#limits.schemaLimitMs;
  }

  #watch(): void {
    clearTimeout(this.#timer);
    const limitMs = this.#limitMs();
    const timer = setTimeout(() => {
      // if it was our own thread that was busy, the answer lies there unread: it is heard before an immediate runs
      setImmediate(() => {
        if (this.#timer === timer) this.#giveUp(`it took longer than ${limitMs} ms`);
      });
    }, limitMs);
    this.#timer = timer;
  }

  #unwatch(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #take(answer: Answer): void {
    const [batch] = this.#batches;
    if (batch === undefined) return;
    batch.answers.push(answer);
    batch.askedAgain = false;
    if (answer.kind === 'mismatch' || batch.answers.length === batch.questions.length) this.#finish(batch);
    else if (this.#isOverdue(batch)) this.#giveUp(`the ${this.#limits.batchLimitMs} ms for all were used up`);
    else this.#watch();
  }

  #finish(batch: Batch): void {
    this.#batches.shift();
    this.#unwatch();
    batch.resolve(batch.answers);
    this.#send();
  }

  /** The question at hand is a fault, and those after it are not reached. */
  #fail(batch: Batch, message: string): void {
    batch.answers.push({ kind: 'fault', message: message.toWellFormed() });
    while (batch.answers.length < batch.questions.length) batch.answers.push(NOT_REACHED);
    this.#finish(batch);
  }

  #die(cause: string): void {
    const [batch] = this.#batches;
    const isAgain = batch?.askedAgain;
    if (!this.#ready || batch === undefined || isAgain === true) return this.#giveUp(cause);
    batch.askedAgain = true;
    void this.#kill();
    this.#send();
  }

  #giveUp(cause: string): void {
    const wasReady = this.#ready;
    void this.#kill();
    const [batch] = this.#batches;
    if (batch === undefined) return;
    if (wasReady) return this.#fail(batch, `it was stopped: ${cause}`);
    this.#failedStarts += 1;
    if (this.#failedStarts < STARTS_TRIED) return this.#send();
    this.#failedStarts = 0;
    const error = new Error(`the judging process cannot be started: ${cause}`);
    for (const waiting of this.#batches.splice(0)) waiting.reject(error);
  }

  #isOverdue(batch: Batch): boolean {
    return batch.startedAtMs !== undefined && performance.now() - batch.startedAtMs > this.#limits.batchLimitMs;
  }

  /** Resolves when the process has ended. */
  async #kill(): Promise<void> {
    this.#unwatch();
    this.#ready = false;
    const child = this.#child;
    this.#child = undefined;
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.ref();
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  }
}

function closing(): Error {
  return new Error('the market is closing: nothing is judged any more');
}
