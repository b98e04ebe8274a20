/**
 * A server that speaks the protocol of OpenAI-compatible model servers and holds no model: a script answers. It is for
 * tests and for `demo --model`, and says what it is: its model is called `scripted`, and every answer has the header
 * `x-scripted: no model`. Also scripted are the faults of real servers.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hash53 } from '../../util/hash.ts';

export interface ScriptedMessage {
  role: string;
  content: string | null;
  tool_calls?: { id: string; function: { name: string; arguments: string } }[];
  tool_call_id?: string;
}

/** What was asked, as it came over the wire. */
export interface ScriptedRequest {
  model: string;
  messages: ScriptedMessage[];
  tools?: { function: { name: string; description: string; parameters: Record<string, unknown> } }[];
  stream?: boolean;
  temperature?: number;
  top_p?: number;
  max_tokens?: number;
  response_format?: unknown;
  headers: IncomingMessage['headers'];
}

export type ScriptedReply =
  | {
      text?: string;
      toolCalls?: { name: string; arguments: unknown }[];
      /** Null: none is told. Default: a token for every four characters. */
      usage?: { prompt_tokens: number; completion_tokens: number } | null;
      finishReason?: string;
    }
  | { fault: 'status'; status: number; headers?: Record<string, string> }
  /** Ends the connection, or only the stream, after some of the text. */
  | { fault: 'cut' | 'unfinished'; text: string }
  | { fault: 'garbage' }
  | { fault: 'silence' };

export type Script = (request: ScriptedRequest, index: number) => ScriptedReply | Promise<ScriptedReply>;

const MODEL = 'scripted';
const MODELS = { object: 'list', data: [{ id: MODEL, object: 'model', owned_by: 'nobody' }] };
const PIECE_CHARS = 24;

export class ScriptedModelServer {
  /** In the order asked. */
  readonly requests: ScriptedRequest[] = [];
  script: Script;
  /** What `/v1/models` answers instead of the model, while it is set. */
  modelsFault: { status: number } | undefined;
  private readonly server: Server;

  private constructor(script: Script) {
    this.script = script;
    this.server = createServer((request, response) => {
      response.setHeader('x-scripted', 'no model');
      this.answer(request, response).catch(() => response.destroy());
    });
  }

  /** On any free port of this machine alone. */
  static async start(script: Script): Promise<ScriptedModelServer> {
    const scripted = new ScriptedModelServer(script);
    await new Promise<void>((resolve) => scripted.server.listen(0, '127.0.0.1', resolve));
    return scripted;
  }

  /** Up to and with `/v1`. */
  get baseUrl(): string {
    const { port } = this.server.address() as AddressInfo;
    return `http://127.0.0.1:${port}/v1`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await bodyOf(request);
    switch (`${request.method ?? ''} ${request.url ?? ''}`) {
      case 'POST /v1/chat/completions':
        await this.complete({ ...(body as ScriptedRequest), headers: request.headers }, response);
        break;
      case 'POST /v1/embeddings':
        sendJson(response, 200, embeddingsFor(body as { model: string; input: string[] }));
        break;
      case 'GET /v1/models':
        sendJson(response, this.modelsFault?.status ?? 200, MODELS);
        break;
      case 'GET /api/tags':
        sendJson(response, 200, { models: [{ name: MODEL }] });
        break;
      default:
        sendJson(response, 404, { error: { message: 'there is no such route' } });
    }
  }

  private async complete(request: ScriptedRequest, response: ServerResponse): Promise<void> {
    this.requests.push(request);
    const reply = await this.script(request, this.requests.length - 1);
    if ('fault' in reply) sendFault(request, reply, response);
    else sendAnswer(request, reply, response);
  }
}

type Fault = Extract<ScriptedReply, { fault: unknown }>;
type Answer = Exclude<ScriptedReply, { fault: unknown }>;

function sendFault(request: ScriptedRequest, reply: Fault, response: ServerResponse): void {
  if (reply.fault === 'silence') return;
  if (reply.fault === 'status') {
    for (const [name, value] of Object.entries(reply.headers ?? {})) response.setHeader(name, value);
    sendJson(response, reply.status, { error: { message: 'scripted fault', type: 'scripted' } });
    return;
  }
  beginStream(response);
  if (reply.fault === 'garbage') {
    response.end('data: {"choices": [{"delta": {"content": <<<\n\n');
    return;
  }
  for (const piece of piecesOf(reply.text)) writeChunk(response, request.model, { content: piece }, null);
  if (reply.fault === 'unfinished') response.end();
  else setImmediate(() => response.destroy());
}

function sendAnswer(request: ScriptedRequest, reply: Answer, response: ServerResponse): void {
  const calls = (reply.toolCalls ?? []).map((call, index) => ({
    index,
    id: `call_${index}`,
    type: 'function',
    function: {
      name: call.name,
      arguments: typeof call.arguments === 'string' ? call.arguments : JSON.stringify(call.arguments),
    },
  }));
  const finishReason = reply.finishReason ?? (calls.length === 0 ? 'stop' : 'tool_calls');
  const usage = reply.usage === undefined ? estimated(request, reply) : reply.usage;
  if (request.stream !== true) {
    const message = { role: 'assistant', content: reply.text ?? null, tool_calls: calls };
    sendJson(response, 200, {
      id: 'scripted',
      object: 'chat.completion',
      created: 0,
      model: request.model,
      choices: [{ index: 0, message, finish_reason: finishReason }],
      usage,
    });
    return;
  }
  beginStream(response);
  for (const piece of piecesOf(reply.text ?? '')) writeChunk(response, request.model, { content: piece }, null);
  for (const call of calls)
    for (const tool_calls of inParts(call)) writeChunk(response, request.model, { tool_calls }, null);
  writeChunk(response, request.model, {}, finishReason);
  if (usage !== null) {
    const total_tokens = usage.prompt_tokens + usage.completion_tokens;
    write(response, { ...chunkOf(request.model), choices: [], usage: { ...usage, total_tokens } });
  }
  response.end('data: [DONE]\n\n');
}

/** A call's arguments come in pieces, as they are made. */
function inParts(call: { index: number; function: { name: string; arguments: string } }) {
  const text = call.function.arguments;
  const half = Math.ceil(text.length / 2);
  return [
    [{ ...call, function: { ...call.function, arguments: text.slice(0, half) } }],
    [{ index: call.index, function: { arguments: text.slice(half) } }],
  ];
}

function piecesOf(text: string): string[] {
  return text.match(new RegExp(`[\\s\\S]{1,${PIECE_CHARS}}`, 'g')) ?? [];
}

function estimated(request: ScriptedRequest, reply: Answer) {
  const tokens = (value: unknown) => Math.ceil(JSON.stringify(value).length / 4);
  return {
    prompt_tokens: tokens(request.messages),
    completion_tokens: tokens([reply.text ?? '', reply.toolCalls ?? []]),
  };
}

function beginStream(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
}

const chunkOf = (model: string) => ({ id: 'scripted', object: 'chat.completion.chunk', created: 0, model });

function writeChunk(response: ServerResponse, model: string, delta: object, finishReason: string | null): void {
  write(response, { ...chunkOf(model), choices: [{ index: 0, delta, finish_reason: finishReason }] });
}

function write(response: ServerResponse, chunk: object): void {
  response.write(`data: ${JSON.stringify(chunk)}\n\n`);
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  const text = Buffer.concat(parts).toString('utf8');
  return text === '' ? {} : (JSON.parse(text) as unknown);
}

/** Words become places of a small vector, so that texts which share words are near to each other. */
function embeddingsFor({ model, input }: { model: string; input: string[] }) {
  const data = [input].flat().map((text, index) => {
    const embedding = new Array<number>(32).fill(0);
    for (const word of text.toLowerCase().match(/\p{L}+/gu) ?? []) {
      const place = hash53(word) % 32;
      embedding[place] = (embedding[place] ?? 0) + 1;
    }
    return { object: 'embedding', index, embedding };
  });
  return { object: 'list', model, data, usage: { prompt_tokens: 1, total_tokens: 1 } };
}
