import { isDeepStrictEqual } from 'node:util';
import { MarketError } from '../../contracts/errors.ts';
import { decodeCursor, pageOf } from '../../contracts/page-cursor.ts';
import type { ToolCatalogue } from '../../contracts/services.ts';
import type { ToolBody } from '../../contracts/tool.ts';
import { auditEntry } from '../../db/audit-entry.ts';
import type { Database } from '../../db/database.ts';
import { errorText } from '../../util/error-text.ts';
import type { Json } from '../../util/json.ts';
import { argumentFaults, schemaFault } from './argument-schema.ts';
import type { ToolCaller } from './tool-caller.ts';
import { insertVersion, readTools, readVersions, withdrawTool } from './tool-store.ts';

const NAME_PATTERN = /^[a-zA-Z_][a-zA-Z0-9_-]{0,63}$/;
const VERSIONS_SHOWN = 200;

/** The market's tools as data: nothing is offered that was not tried. */
export function createToolCatalogue(options: { db: Database; caller: ToolCaller }): ToolCatalogue {
  const { db, caller } = options;
  return {
    list: async (query) => {
      const tools = await readTools(db, { after: decodeCursor(query.cursor, NAME_PATTERN), limit: query.limit + 1 });
      return pageOf(
        tools,
        query.limit,
        (tool) => tool,
        (tool) => tool.name,
      );
    },
    versions: async (name) => {
      const versions = await readVersions(db, name, VERSIONS_SHOWN);
      if (versions.length === 0) throw new MarketError('NOT_FOUND', 'There is no such tool.');
      return { items: versions, nextCursor: null };
    },
    put: async (principal, name, body) => {
      refuseFaults(body, caller);
      const trialResult = await tryOut(body, caller);
      return db.transaction().execute(async (trx) => {
        const tool = await insertVersion(trx, name, body, trialResult);
        await auditEntry(principal, 'tool.put', name, { version: tool.version, call: body.call.kind }).execute(trx);
        return tool;
      });
    },
    withdraw: async (principal, name) => {
      await db.transaction().execute(async (trx) => {
        if (!(await withdrawTool(trx, name))) throw new MarketError('NOT_FOUND', 'There is no such tool.');
        await auditEntry(principal, 'tool.withdraw', name).execute(trx);
      });
    },
  };
}

function refuseFaults(body: ToolBody, caller: ToolCaller): void {
  const inSchema = body.parameters['type'] === 'object' ? schemaFault(body.parameters) : 'must be of type object';
  const inCall = caller.fault(body.call);
  const inTrial = inSchema === null ? argumentFaults(body.parameters, body.trial.arguments) : null;
  const errors = [
    { path: 'parameters', message: inSchema },
    { path: 'call', message: inCall },
    { path: 'trial.arguments', message: inTrial },
  ].flatMap(({ path, message }) => (message === null ? [] : [{ path, message }]));
  if (errors.length > 0) throw new MarketError('INVALID_REQUEST', 'The tool cannot be used as it is.', { errors });
}

async function tryOut(body: ToolBody, caller: ToolCaller): Promise<Json> {
  const failed = (message: string, cause?: unknown) =>
    new MarketError('INVALID_REQUEST', `The tool was tried and is not published: ${message}.`, {
      errors: [{ path: 'trial', message }],
      cause,
    });
  let answer: Json;
  try {
    answer = await caller.call(body, body.trial.arguments, new AbortController().signal);
  } catch (error) {
    throw failed(errorText(error), error);
  }
  if ('expect' in body.trial && !isDeepStrictEqual(answer, body.trial.expect))
    throw failed(`it answered ${JSON.stringify(answer).slice(0, 300)}, not what was expected`);
  return answer;
}
