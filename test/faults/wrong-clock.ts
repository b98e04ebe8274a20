/** Loaded before a process of the market (`--import`): its clock is wrong by CLOCK_WRONG_BY_MS, as that of a host may be. */
const wrongByMs = Number(process.env['CLOCK_WRONG_BY_MS']);
const rightDate = Date;

globalThis.Date = new Proxy(rightDate, {
  construct: (target, args: unknown[], newTarget) =>
    Reflect.construct(target, args.length === 0 ? [rightDate.now() + wrongByMs] : args, newTarget) as Date,
  apply: () => new Date().toString(),
  get: (target, name) =>
    name === 'now' ? () => rightDate.now() + wrongByMs : (Reflect.get(target, name, target) as unknown),
});
