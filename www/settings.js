// Reads /bridge.json: the ports of the bridge and, in the demo, its key and the PIN of its token.

/**
 * @returns {Promise<{ ports?: [number, number], key?: string, demoPin?: string }>} empty if the
 *   server does not have the file; the client then uses its default ports
 */
export async function readSettings() {
  try {
    const response = await fetch("/bridge.json", { cache: "no-store" });
    if (!response.ok) return {};
    const { ports, key, demo } = await response.json();
    return {
      ports:
        Array.isArray(ports) && ports.every(Number.isInteger) ? [ports[0], ports[1]] : undefined,
      key: typeof key === "string" ? key : undefined,
      demoPin: typeof demo?.pin === "string" ? demo.pin : undefined,
    };
  } catch {
    return {};
  }
}
