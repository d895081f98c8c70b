// Why an authentication is refused.

/** The login is refused. `code` says why, for programs; `message` says it for people. */
export class AuthenticationError extends Error {
  constructor(code, message, options) {
    super(message, options);
    this.name = "AuthenticationError";
    this.code = code;
  }
}
