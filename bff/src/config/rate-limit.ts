// The key `rateLimit` of upstream rows.
import { z } from "zod";

const whole = (max: number) => {
  const error = `must be a whole number from 1 to ${max}, without quotes`;
  return z.int({ error }).min(1, { error }).max(max, { error });
};

const limit = z.strictObject({ requests: whole(1_000_000), seconds: whole(86_400) });

export const RATE_LIMIT = z
  .strictObject({ perUser: limit.optional(), perAddress: limit.optional() })
  .refine(
    ({ perUser, perAddress }) => perUser !== undefined || perAddress !== undefined,
    'must have perUser, perAddress or both, such as { "perUser": { "requests": 600, "seconds": 60 } }',
  );

export type RateLimit = Readonly<z.output<typeof RATE_LIMIT>>;
