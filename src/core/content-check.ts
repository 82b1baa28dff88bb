/** What was made of a prompt before the task was accepted. */
export interface ContentCheck {
  readonly checked: 'prompt';
  readonly by: 'word_list' | 'moderation';
  /** Host of the moderation service. */
  readonly service?: string;
  /** `unchecked`: the service did not answer, and the configuration lets the prompt pass then. */
  readonly verdict: 'allowed' | 'unchecked';
}
