// What the first failure of a test run says about a mutant.

export type FailureKind =
  | "assertion"
  | "error in a test"
  | "timeout"
  | "error in a hook"
  | "collection error"
  | "unhandled error"
  | "no end";

export type Failure = {
  kind: FailureKind;
  /** Full name of the test or suite, or the path of the test file. */
  where: string;
  message: string;
};

export type RunResult = { passedTests: number; failure: Failure | undefined };

type TestError = { name?: string | undefined; message: string };

/** A failed assertion, an error that a test threw, or a test that ended by Vitest's timeout. */
export function kindOfTestError({ name = "", message }: TestError): FailureKind {
  if (/^(Test|Hook) timed out in /.test(message)) return "timeout";
  return name.includes("Assertion") ? "assertion" : "error in a test";
}

/** An error that no code caught, or the end of a worker. */
export function kindOfUnhandledError({ message }: TestError): FailureKind {
  return message.startsWith("[vitest-pool]") ? "no end" : "unhandled error";
}

/** A test has judged the mutant. All other failures can have a cause that has nothing to do with what it breaks. */
export function isDetection(failure: Failure | undefined): boolean {
  return failure?.kind === "assertion" || failure?.kind === "error in a test";
}
