/** The move does not go on; the message says why and what to do. */
export class CannotMove extends Error {
  override readonly name = 'CannotMove';
}
