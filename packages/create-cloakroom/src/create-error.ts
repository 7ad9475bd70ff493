// The project cannot be created. The message is one sentence with the reason and the cure.
export class CreateError extends Error {
  override readonly name = "CreateError";
}
