// Reads /bridge.json: where the bridge listens and, in the demo, the PIN of its throw-away token.

/**
 * @returns {Promise<{ ports?: [number, number], demoPin?: string }>} empty where the page is served
 *   without the file; the client then looks on its default ports
 */
export async function readSettings() {
  try {
    const response = await fetch("/bridge.json", { cache: "no-store" });
    if (!response.ok) return {};
    const { ports, demo } = await response.json();
    return {
      ports: Array.isArray(ports) && ports.every(Number.isInteger) ? [ports[0], ports[1]] : undefined,
      demoPin: typeof demo?.pin === "string" ? demo.pin : undefined,
    };
  } catch {
    return {};
  }
}
