// Loads an endpoint, again on an interval or when the parameters change.
import { useCallback, useEffect, useRef, useState } from "react";

import { type Answer, get } from "./api";

export type Loading<T> = { answer: Answer<T> | null; error: Error | null; loading: boolean; reload: () => void };

export function useApi<T>(path: string, params: Record<string, string> = {}, everySeconds = 0): Loading<T> {
  const [answer, setAnswer] = useState<Answer<T> | null>(null);
  const [error, setError] = useState<Error | null>(null);
  const [loading, setLoading] = useState(true);
  const abort = useRef<AbortController | null>(null);
  const key = JSON.stringify(params);

  const reload = useCallback(() => {
    abort.current?.abort();
    const controller = new AbortController();
    abort.current = controller;
    setLoading(true);
    get<T>(path, JSON.parse(key), controller.signal)
      .then((loaded) => {
        setAnswer(loaded);
        setError(null);
        setLoading(false);
      })
      .catch((failure: Error) => {
        if (controller.signal.aborted) return;
        setError(failure);
        setLoading(false);
      });
  }, [path, key]);

  useEffect(() => {
    reload();
    const timer = everySeconds > 0 ? window.setInterval(reload, everySeconds * 1000) : 0;
    return () => {
      window.clearInterval(timer);
      abort.current?.abort();
    };
  }, [reload, everySeconds]);

  return { answer, error, loading, reload };
}
