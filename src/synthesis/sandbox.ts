/**
 * Where strangers' expressions are evaluated over strangers' deliveries: a thread of its own, so that no expression can
 * hold up the market. JSONata watches its own time and depth, but not within one regular expression or one built-in
 * function, and the thread's heap has a bound that ours has not.
 *
 * 1. Expressions are evaluated one at a time, in the order asked. Each gets exactly one evaluation.
 * 2. One that takes longer than THREAD_LIMIT_MS, or exhausts the thread's memory, is a fault; the thread is ended with it,
 *    and a new one goes on with the expression after it.
 *    All that is asked for at once has BATCH_LIMIT_MS; then the rest of it are faults.
 * 3. The input is copied to the thread: an expression changes nothing outside.
 * 4. An idle sandbox does not keep the process running.
 */
import { Worker } from 'node:worker_threads';
import type { Evaluation } from './core/evaluation.ts';
import {
  BATCH_LIMIT_MS,
  HEAP_LIMIT_MIB,
  THREAD_LIMIT_MS,
  type SandboxAnswer,
  type SandboxRequest,
} from './sandbox-limits.ts';

export interface Sandbox {
  /** Evaluates each of `expressions` over one JSON `input`. Never rejects: what goes wrong is a fault in its place. */
  evaluate(expressions: readonly string[], input: unknown): Promise<Evaluation[]>;
  /** Ends the thread; what is still asked for is a fault. */
  close(): Promise<void>;
}

interface Batch extends SandboxRequest {
  answers: Evaluation[];
  /** On the clock of `performance`; undefined until it is the first. */
  startedAtMs: number | undefined;
  resolve(answers: Evaluation[]): void;
}

// run from source, or from the emitted package
const WORKER_FILE = import.meta.url.endsWith('.ts')
  ? new URL('./sandbox-worker.ts', import.meta.url)
  : new URL('./sandbox-worker.js', import.meta.url);

/** The two limits, in ms, are given by tests alone. */
export function createSandbox(options: { threadLimitMs?: number; batchLimitMs?: number } = {}): Sandbox {
  return new ThreadSandbox(options.threadLimitMs ?? THREAD_LIMIT_MS, options.batchLimitMs ?? BATCH_LIMIT_MS);
}

class ThreadSandbox implements Sandbox {
  readonly #limitMs: number;
  readonly #batchLimitMs: number;
  /** The first one is with the thread. */
  readonly #batches: Batch[] = [];
  #worker: Worker | undefined;
  /** The thread has loaded what it needs; its time counts from then. */
  #ready = false;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(limitMs: number, batchLimitMs: number) {
    this.#limitMs = limitMs;
    this.#batchLimitMs = batchLimitMs;
  }

  evaluate(expressions: readonly string[], input: unknown): Promise<Evaluation[]> {
    if (expressions.length === 0) return Promise.resolve([]);
    return new Promise((resolve) => {
      this.#batches.push({ expressions, input, answers: [], startedAtMs: undefined, resolve });
      if (this.#closed) this.#failAll('the market is closing');
      else if (this.#batches.length === 1) this.#send();
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#failAll('the market is closing');
    await this.#endThread();
  }

  /** Gives the thread what is left of the first batch. */
  #send(): void {
    const [batch] = this.#batches;
    if (batch === undefined) return;
    batch.startedAtMs ??= performance.now();
    const expressions = batch.expressions.slice(batch.answers.length);
    const worker = (this.#worker ??= this.#startThread());
    worker.ref();
    try {
      worker.postMessage({ expressions, input: batch.input } satisfies SandboxRequest);
      if (this.#ready) this.#watch();
    } catch (error) {
      // the input cannot be copied, as a function cannot
      while (batch.answers.length < batch.expressions.length) batch.answers.push(fault(String(error)));
      this.#finish(batch);
    }
  }

  #startThread(): Worker {
    const worker = new Worker(WORKER_FILE, {
      env: {},
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: HEAP_LIMIT_MIB, maxYoungGenerationSizeMb: 8 },
    });
    // a thread that was given up on may still speak: only the present one is heard
    const ifPresent = (act: () => void) => {
      if (this.#worker === worker) act();
    };
    worker.on('message', (answer: SandboxAnswer) => ifPresent(() => this.#hear(answer)));
    worker.on('error', (error: Error) => ifPresent(() => this.#giveUp(error.message)));
    worker.on('exit', () => ifPresent(() => this.#giveUp('its thread ended')));
    return worker;
  }

  #hear(answer: SandboxAnswer): void {
    this.#ready = true;
    this.#watch();
    if (answer.kind === 'evaluated') this.#take(answer.evaluation);
  }

  #watch(): void {
    clearTimeout(this.#timer);
    const timer = setTimeout(() => {
      // if it was our own thread that was busy, the answer lies there unread: it is heard before an immediate runs
      setImmediate(() => {
        if (this.#timer === timer) this.#giveUp(`it took longer than ${this.#limitMs} ms`);
      });
    }, this.#limitMs);
    this.#timer = timer;
  }

  #unwatch(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #take(evaluation: Evaluation): void {
    const [batch] = this.#batches;
    if (batch === undefined) return;
    batch.answers.push(evaluation);
    if (batch.answers.length === batch.expressions.length) this.#finish(batch);
    else if (this.#isOverdue(batch)) this.#giveUp(`the ${this.#batchLimitMs} ms for all were used up`);
  }

  #finish(batch: Batch): void {
    this.#batches.shift();
    batch.resolve(batch.answers);
    if (this.#batches.length > 0) this.#send();
    else this.#rest();
  }

  #rest(): void {
    this.#unwatch();
    this.#worker?.unref();
  }

  /** The expression at hand is a fault; the rest goes to a new thread. */
  #giveUp(message: string): void {
    void this.#endThread();
    const [batch] = this.#batches;
    if (batch === undefined) return;
    const left = batch.expressions.length - batch.answers.length;
    const stopped = fault(`it was stopped: ${message}`);
    batch.answers.push(...Array<Evaluation>(this.#isOverdue(batch) ? left : 1).fill(stopped));
    if (batch.answers.length === batch.expressions.length) this.#finish(batch);
    else this.#send();
  }

  #isOverdue(batch: Batch): boolean {
    return batch.startedAtMs !== undefined && performance.now() - batch.startedAtMs > this.#batchLimitMs;
  }

  #failAll(message: string): void {
    for (const batch of this.#batches.splice(0)) {
      while (batch.answers.length < batch.expressions.length) batch.answers.push(fault(message));
      batch.resolve(batch.answers);
    }
  }

  async #endThread(): Promise<void> {
    this.#unwatch();
    this.#ready = false;
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.terminate();
  }
}

function fault(message: string): Evaluation {
  return { kind: 'fault', message: message.toWellFormed() };
}
