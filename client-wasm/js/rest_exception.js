/** Why a call failed: an error code, with a text for a person. */
export class RestException extends Error {
  /**
   * @param {number} status like a status of HTTP
   * @param {string} code distinguishes errors with the same status
   * @param {string} description what happened and what to do
   * @param {string} [pkcs11] the return value of the module, such as "CKR_PIN_INCORRECT"
   * @param {ErrorOptions} [options] the cause, if there is one
   */
  constructor(status, code, description, pkcs11, options) {
    super(description, options);
    this.status = status;
    this.code = code;
    this.description = description;
    this.pkcs11 = pkcs11;
  }

  get name() {
    return "RestException";
  }
}
