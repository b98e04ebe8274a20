/**
 * The task machine: the only maker of a task's next state.
 *
 * `decide(task, command, now)` returns the next record, the events to append and the effects to carry out in the same
 * transaction, or a refusal as a value. It reads no clock, no store and no random number.
 *
 *   accepted ─announce→ announced ─award→ awarded ─start→ running ─last part settled→ synthesizing ─→ completed
 *   any open state ─→ failed | cancelled | expired          synthesizing ─a rule takes a delivery back→ running
 *   running ─a review has used up its iterations→ escalated ─a person decides→ running
 *
 * A task with steps has all its subtasks from the start: each is auctioned by itself when its dependencies are settled
 * (`transitions/steps.ts`). Steps go on while the task is escalated, but for those that wait for the decision.
 *
 * Invariants (tests cite the numbers):
 *  1. A final state absorbs: every command but `record_reputation`, and a late `say`, is refused.
 *  2. `seq` of events grows by one without gaps, also after the final state.
 *  3. A subtask's epoch never falls; it grows by one with each award and each lost lease.
 *  4. `start`, `progress`, `deliver`, `lose_lease` of another epoch than the present one are refused as STALE and change nothing.
 *  5. `attempt` grows only when an agent answers for the one before; a lost lease leaves it. With an iteration it begins anew.
 *  6. Every attempt that was opened is closed exactly once, and has exactly one ledger entry, at the latest with the final state.
 *  7. An entry is written when its verdict is final: at settlement; at cross-validation for a delivery that a rule of
 *     severity `reject` may still take back; at its approval for one that a review may still send back. At most one
 *     delivery of a subtask is entered as accepted.
 *  8. `success` only if every required skill has an accepted delivery; of a task with steps, if each was accepted or skipped.
 *  9. After `MAX_LOST_LEASES` lost leases a subtask fails with TOO_MANY_CRASHES; after `maxAttempts` answers that did not hold, too.
 * 10. A final task has no open attempt, no opening and no subtask that is pending, awarded, running or held.
 * 11. A step is awarded only when all that it depends on was accepted or skipped, and none of it waits for a decision.
 * 12. A review sends back at most `maxIterations` − 1 times, but for what a person grants or a rule takes back.
 */
import { assertNever } from '../../util/assert-never.ts';
import { isFinal } from '../../contracts/task.ts';
import type { Command } from './commands.ts';
import { TaskDraft } from './task-draft.ts';
import type { Decision, RefusalReason } from './decision.ts';
import type { TaskRecord } from './task-record.ts';
import * as auction from './transitions/auction.ts';
import * as ending from './transitions/ending.ts';
import { join } from './transitions/join.ts';
import { decideEscalation } from './transitions/review.ts';
import * as settlement from './transitions/settlement.ts';
import { settleConditions } from './transitions/steps.ts';
import { finishSynthesis } from './transitions/synthesis.ts';

export function decide(task: TaskRecord, command: Command, now: Date): Decision {
  if (isFinal(task.status) && command.kind !== 'record_reputation' && command.kind !== 'say') {
    return { ok: false, refusal: 'ENDED' };
  }
  const draft = new TaskDraft(task, now);
  const refusal = apply(draft, command);
  return refusal === undefined ? draft.finish() : { ok: false, refusal };
}

function apply(draft: TaskDraft, command: Command): RefusalReason | undefined {
  switch (command.kind) {
    case 'announce':
      return auction.announce(draft, command);
    case 'close_round':
      return auction.closeRound(draft, command);
    case 'start':
      return settlement.start(draft, command);
    case 'progress':
      return settlement.progress(draft, command);
    case 'deliver':
      return settlement.deliver(draft, command);
    case 'lose_lease':
      return settlement.loseLease(draft, command);
    case 'finish_synthesis':
      return finishSynthesis(draft, command);
    case 'settle_conditions':
      return settled(draft, settleConditions(draft, command));
    case 'decide':
      return settled(draft, decideEscalation(draft, command));
    case 'cancel':
      ending.stop(draft, 'cancelled', { code: 'CANCELLED', message: 'Cancelled on request.' });
      return undefined;
    case 'expire':
      ending.stop(draft, 'expired', {
        code: 'DEADLINE_PASSED',
        message: 'The deadline passed before the task was done.',
      });
      return undefined;
    case 'say':
      draft.emit('message.sent', { ...command.message });
      return undefined;
    case 'record_reputation':
      draft.emit('reputation.changed', { ...command.change });
      return undefined;
    default:
      return assertNever(command);
  }
}

/** What was carried out may have been what others waited for. */
function settled(draft: TaskDraft, refusal: RefusalReason | undefined): RefusalReason | undefined {
  if (refusal === undefined) join(draft);
  return refusal;
}
