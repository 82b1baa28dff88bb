/** "Asked A, did B, because C": told with the task, never silent. */
export interface Adjustment {
  /** The request parameter it concerns, e.g. `seed`. */
  readonly parameter: string;
  /** What the caller asked for; absent when nothing was asked. */
  readonly asked?: string | number | boolean;
  /** What was done instead; absent when the parameter was left out. */
  readonly used?: string | number | boolean;
  /** Why, as a sentence for the caller. */
  readonly reason: string;
}
