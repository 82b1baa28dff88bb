/** Runs once, when first asked; a failure is not kept. */
export const lazily = <Value>(make: () => Promise<Value>): (() => Promise<Value>) => {
  let made: Promise<Value> | undefined;
  return () => (made ??= make().catch((fault: unknown) => ((made = undefined), Promise.reject(fault))));
};
