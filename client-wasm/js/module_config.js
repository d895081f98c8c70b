/** The paths of a PKCS#11 module on each platform. */
export class ModuleConfig {
  /**
   * @param {string} [linux] the path on Linux
   * @param {string} [mac] the path on macOS
   * @param {string} [win] the path on Windows
   */
  constructor(linux, mac, win) {
    this.linux = linux;
    this.mac = mac;
    this.win = win;
  }
}
