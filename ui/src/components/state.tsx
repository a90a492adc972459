// Loading, failure and emptiness, said the same way on every page.
import { Alert, Center, Loader, Text } from "@mantine/core";
import { IconAlertTriangle, IconInfoCircle } from "@tabler/icons-react";
import { Component, type ReactNode } from "react";

import type { Loading } from "../use-api";

export function PageLoader() {
  return (
    <Center h={200}>
      <Loader aria-label="Loading" />
    </Center>
  );
}

export function Failure({ error }: { error: Error }) {
  return (
    <Alert color="red" icon={<IconAlertTriangle size={18} />} title="Error" role="alert">
      <Text size="sm" style={{ whiteSpace: "pre-wrap", overflowWrap: "anywhere" }}>
        {error.message}
      </Text>
    </Alert>
  );
}

export function Notes({ warnings, infos }: { warnings: string[]; infos: string[] }) {
  return (
    <>
      {warnings.map((text) => (
        <Alert key={text} color="yellow" icon={<IconAlertTriangle size={18} />} py={6}>
          {text}
        </Alert>
      ))}
      {infos.map((text) => (
        <Alert key={text} color="blue" icon={<IconInfoCircle size={18} />} py={6}>
          {text}
        </Alert>
      ))}
    </>
  );
}

export function Empty({ children }: { children: ReactNode }) {
  return (
    <Center mih={120}>
      <Text c="dimmed">{children}</Text>
    </Center>
  );
}

// Shows the last good answer while a reload runs; the error, if any, above it.
export function Loaded<T>({ state, children }: { state: Loading<T>; children: (data: T) => ReactNode }) {
  return (
    <>
      {state.error && <Failure error={state.error} />}
      {state.answer ? children(state.answer.data) : state.error ? null : <PageLoader />}
    </>
  );
}

export class ErrorBoundary extends Component<{ children: ReactNode }, { error: Error | null }> {
  override state = { error: null as Error | null };
  static getDerivedStateFromError(error: Error) {
    return { error };
  }
  override render() {
    return this.state.error ? <Failure error={this.state.error} /> : this.props.children;
  }
}
