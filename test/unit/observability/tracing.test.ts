import { Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { createLogger } from '../../../src/observability/logger.ts';
import { inSpan, presentTraceparent, startSpan, startTracing } from '../../../src/observability/tracing.ts';
import { startTraceCollector } from '../../support/trace-collector.ts';

const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';

function capture() {
  const lines: string[] = [];
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(chunk.toString());
      done();
    },
  });
  return { logger: createLogger('info', sink), logged: () => lines.map((line) => JSON.parse(line) as object) };
}

test('without a collector nothing is a span, and a log line names none', async () => {
  const { logger, logged } = capture();
  const span = startSpan('anything', { parent: `00-${TRACE_ID}-b7ad6b7169203331-01` });
  await inSpan('more', {}, async () => {
    logger.info('worked');
    expect(presentTraceparent()).toBeUndefined();
  });
  span.end();
  expect(span.traceparent).toBeUndefined();
  expect(logged()).toHaveLength(1);
  expect(logged()[0]).not.toHaveProperty('traceId');
});

test('with one, spans go there at the end, and log lines name the trace; a parent that is none begins a trace', async () => {
  const collector = await startTraceCollector();
  const { logger, logged } = capture();
  const stop = await startTracing({ endpoint: `${collector.endpoint}/`, serviceName: 'test', version: '1', logger });
  await inSpan('outer', { parent: `00-${TRACE_ID}-b7ad6b7169203331-01` }, async () => {
    await inSpan('inner', {}, async () => logger.info('worked'));
  });
  await expect(inSpan('broken', { parent: 'nonsense' }, () => Promise.reject(new TypeError('no')))).rejects.toThrow(
    'no',
  );
  await stop();
  const spans = Object.fromEntries(collector.spans.items.map((span) => [span.name, span]));
  expect(Object.keys(spans).sort()).toEqual(['broken', 'inner', 'outer']);
  expect(spans['outer']).toMatchObject({ traceId: TRACE_ID, parentSpanId: 'b7ad6b7169203331' });
  expect(spans['inner']).toMatchObject({ traceId: TRACE_ID, parentSpanId: spans['outer']?.spanId });
  expect(spans['broken']?.traceId).not.toBe(TRACE_ID);
  expect(logged()).toMatchObject([{ msg: 'worked', traceId: TRACE_ID, spanId: spans['inner']?.spanId }]);
  expect(startSpan('after the end').traceparent).toBeUndefined();
  await collector.close();
});
