import { type RefObject, useEffect, useState } from "react";

/** A little before it is seen, so that it is there when it is. */
const MARGIN = "200px";

/** Whether an element is on the screen, or nearly: what nobody sees needs no live values. */
export function useVisible(element: RefObject<Element | null>): boolean {
  const [isVisible, setVisible] = useState(false);
  useEffect(() => {
    if (!element.current) return;
    const observer = new IntersectionObserver((entries) => setVisible(entries.at(-1)?.isIntersecting ?? false), { rootMargin: MARGIN });
    observer.observe(element.current);
    return () => observer.disconnect();
  }, [element]);
  return isVisible;
}
