/**
 * Traces, where somebody collects them: one for each task, from the request that submitted it to its end, whatever processes
 * have to do with it. The task keeps the request's `traceparent` (W3C Trace Context); who works for the task begins a span
 * under it. So the trace survives what carries it: the queue, the bus, a process.
 *
 * Until `startTracing`, which loads the SDK, nothing is recorded and a span costs one comparison.
 */
import {
  context,
  isSpanContextValid,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Attributes,
  type Context,
  type Span,
} from '@opentelemetry/api';

const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-|$)/;
const KINDS = { server: SpanKind.SERVER, consumer: SpanKind.CONSUMER, internal: SpanKind.INTERNAL };

let on = false;

export interface SpanStart {
  /** A `traceparent`; what is none, or undefined, makes a child of the present span, or a trace of its own. */
  parent?: string | undefined;
  kind?: keyof typeof KINDS;
  attributes?: Attributes;
}

/** A span under way. `traceparent` makes others its children; `end` with an error says that it failed. */
export interface TraceSpan {
  readonly traceparent: string | undefined;
  set(attributes: Attributes): void;
  /** Calls `work` with this as the present span, which logs then name. */
  run<Result>(work: () => Result): Result;
  end(error?: unknown): void;
}

const NO_SPAN: TraceSpan = {
  traceparent: undefined,
  set: () => undefined,
  run: (work) => work(),
  end: () => undefined,
};

export function startSpan(name: string, { parent, kind = 'internal', attributes = {} }: SpanStart = {}): TraceSpan {
  if (!on) return NO_SPAN;
  const within = contextOf(parent);
  const span = trace.getTracer('swarmbid').startSpan(name, { kind: KINDS[kind], attributes }, within);
  return {
    traceparent: traceparentOf(span),
    set: (more) => void span.setAttributes(more),
    run: (work) => context.with(trace.setSpan(within, span), work),
    end: (error) => {
      if (error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: nameOf(error) });
      span.end();
    },
  };
}

/** A span about the whole of `work`. */
export async function inSpan<Result>(name: string, start: SpanStart, work: () => Promise<Result>): Promise<Result> {
  if (!on) return work();
  const span = startSpan(name, start);
  try {
    const result = await span.run(work);
    span.end();
    return result;
  } catch (error) {
    span.end(error ?? 'error');
    throw error;
  }
}

/** The present span's, to be kept with what others go on with; undefined where nothing is traced. */
export function presentTraceparent(): string | undefined {
  const span = on ? trace.getActiveSpan() : undefined;
  return span === undefined ? undefined : traceparentOf(span);
}

/** What each line of the log carries of the present span. */
export function traceFields(): { traceId?: string; spanId?: string } {
  const span = on ? trace.getActiveSpan()?.spanContext() : undefined;
  return span === undefined ? {} : { traceId: span.traceId, spanId: span.spanId };
}

export interface TracingOptions {
  /** Of a collector, OTLP over HTTP; `/v1/traces` is added. */
  endpoint: string;
  serviceName: string;
  version: string;
  /** Not the logger's own type: that one asks this file for the fields of its lines. */
  logger: { warn(fields: object, sentence: string): void };
}

/**
 * Sends spans to a collector from now on; what is returned sends those that are left, and ends it. Where the SDK, an optional
 * dependency, was left out, nothing is sent and the log says so.
 */
export async function startTracing(options: TracingOptions): Promise<() => Promise<void>> {
  const sdk = await loadSdk().catch((error: unknown) => {
    options.logger.warn({ err: error }, 'traces are not sent: the OpenTelemetry SDK is not installed');
  });
  if (sdk === undefined) return async () => undefined;
  const exporter = new sdk.OTLPTraceExporter({ url: `${options.endpoint.replace(/\/+$/, '')}/v1/traces` });
  const provider = new sdk.BasicTracerProvider({
    resource: sdk.resourceFromAttributes({
      'service.name': options.serviceName,
      'service.version': options.version,
      'process.pid': process.pid,
    }),
    spanProcessors: [new sdk.BatchSpanProcessor(exporter)],
  });
  context.setGlobalContextManager(new sdk.AsyncLocalStorageContextManager().enable());
  trace.setGlobalTracerProvider(provider);
  on = true;
  return async () => {
    on = false;
    await provider.shutdown();
    trace.disable();
    context.disable();
  };
}

async function loadSdk() {
  const [base, exporter, resources, hooks] = await Promise.all([
    import('@opentelemetry/sdk-trace-base'),
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/resources'),
    import('@opentelemetry/context-async-hooks'),
  ]);
  return { ...base, ...exporter, ...resources, ...hooks };
}

function contextOf(parent: string | undefined): Context {
  const [, traceId = '', spanId = '', flags = '0'] = TRACEPARENT.exec(parent ?? '') ?? [];
  const remote = { traceId, spanId, traceFlags: parseInt(flags, 16), isRemote: true };
  return isSpanContextValid(remote) ? trace.setSpanContext(ROOT_CONTEXT, remote) : context.active();
}

function traceparentOf(span: Span): string {
  const { traceId, spanId, traceFlags } = span.spanContext();
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
}

/** Messages may hold what an agent worked on: the name says enough, and the log has the rest. */
function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : 'error';
}
