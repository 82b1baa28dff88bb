/** Where what happens is counted. Labels come from the configuration and the catalogue of errors, never from callers. */
export interface Meter {
  /** @param request.route the template of the address; `none` when there is no such address. */
  answered(request: {
    readonly method: string;
    readonly route: string;
    readonly status: number;
    readonly ms: number;
  }): void;
  taskAccepted(model: string): void;
  /** @param outcome `completed`, or the code of the error. */
  taskEnded(model: string, outcome: string): void;
  /** The upstream has made the pictures of a call. @param ms since the call was sent. */
  callAnswered(call: MeteredCall, ms: number): void;
  /** @param outcome `stored`, or the code of the failure. */
  callEnded(call: MeteredCall, outcome: string): void;
  imageStored(bytes: number): void;
  webhookTried(outcome: 'delivered' | 'again' | 'failed'): void;
  /** A durable write came back. @param operation its name. */
  written(operation: string, ms: number): void;
}

/** Where a call goes. */
export interface MeteredCall {
  readonly provider: string;
  /** The upstream's own model id. */
  readonly model: string;
}
