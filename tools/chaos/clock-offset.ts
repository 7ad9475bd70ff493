// Preload script: shifts `Date` by CLOCK_OFFSET_SECONDS. Used where libfaketime is not installed.
const offsetMs = Number(process.env["CLOCK_OFFSET_SECONDS"]) * 1_000;
const RealDate = Date;

globalThis.Date = new Proxy(RealDate, {
  construct: (target, args: [], newTarget: typeof Date) =>
    Reflect.construct(target, args.length === 0 ? [RealDate.now() + offsetMs] : args, newTarget) as Date,
  get: (target, name, receiver) =>
    name === "now" ? () => target.now() + offsetMs : (Reflect.get(target, name, receiver) as unknown),
});
