// What is kept in the browser. A browser that keeps nothing, or something that another version left, is as an empty one.

const PREFIX = "analytics-engine.";

export function load<T>(name: string, isWhole: (value: unknown) => value is T): T | null {
  try {
    const text = localStorage.getItem(PREFIX + name);
    if (text === null) return null;
    const value: unknown = JSON.parse(text);
    return isWhole(value) ? value : null;
  } catch {
    return null;
  }
}

/** Whether it was kept. */
export function save(name: string, value: unknown): boolean {
  try {
    localStorage.setItem(PREFIX + name, JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}

export function remove(name: string): void {
  try {
    localStorage.removeItem(PREFIX + name);
  } catch {
    // Nothing is kept there.
  }
}

/** Calls when another tab changes what is kept under a name, until the answer is called. */
export function onChange(name: string, changed: () => void): () => void {
  const listener = (event: StorageEvent) => {
    if (event.key === null || event.key === PREFIX + name) changed();
  };
  addEventListener("storage", listener);
  return () => removeEventListener("storage", listener);
}
