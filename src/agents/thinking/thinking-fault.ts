export type ThinkingFaultCode = 'BUDGET_USED_UP' | 'MAX_TURNS' | 'NO_VALID_ANSWER' | 'NO_MODEL';

/** Why a conversation with a model ended without a delivery. Its message becomes the attempt's error. */
export class ThinkingFault extends Error {
  readonly code: ThinkingFaultCode;

  constructor(code: ThinkingFaultCode, message: string) {
    super(`${code}: ${message}`);
    this.name = 'ThinkingFault';
    this.code = code;
  }
}
