/** Lets every microtask and everything already due in the event loop's current turn run. */
export async function settle(): Promise<void> {
  await new Promise<void>((resolve) => {
    setImmediate(resolve);
  });
}
