// Loaded before the gateway where libfaketime is not installed: its clock is off by so many seconds.
const offsetMs = Number(process.env["CLOCK_OFFSET_SECONDS"]) * 1_000;
const RealDate = Date;

globalThis.Date = new Proxy(RealDate, {
  construct: (target, args: [], newTarget: typeof Date) =>
    Reflect.construct(target, args.length === 0 ? [RealDate.now() + offsetMs] : args, newTarget) as Date,
  get: (target, name, receiver) =>
    name === "now" ? () => target.now() + offsetMs : (Reflect.get(target, name, receiver) as unknown),
});
