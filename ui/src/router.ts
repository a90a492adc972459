// Pages are paths below the base path; query parameters belong to the page.
import { useSyncExternalStore } from "react";

import { basePath } from "./api";

const listeners = new Set<() => void>();
const notify = () => listeners.forEach((listener) => listener());
window.addEventListener("popstate", notify);

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function useLocation(): { page: string; search: string } {
  const href = useSyncExternalStore(subscribe, () => window.location.pathname + window.location.search);
  const [path = "", search = ""] = href.split("?", 2);
  const page = path.slice(basePath(path).length).replace(/^\/+|\/+$/g, "");
  return { page: page === "" || page === "graph" ? "query" : page, search };
}

export function href(page: string, params?: Record<string, string>): string {
  const text = params ? new URLSearchParams(params).toString() : "";
  return `${basePath()}/${page}${text ? `?${text}` : ""}`;
}

export function navigate(url: string, replace = false): void {
  if (replace) window.history.replaceState(null, "", url);
  else window.history.pushState(null, "", url);
  notify();
}
