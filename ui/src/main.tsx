import "@mantine/core/styles.css";
import "uplot/dist/uPlot.min.css";
import "./style.css";

import { createTheme, MantineProvider } from "@mantine/core";
import { createRoot } from "react-dom/client";

import { App } from "./app";

const theme = createTheme({
  primaryColor: "orange",
  primaryShade: { light: 8, dark: 6 },
  defaultRadius: "sm",
  fontFamily: 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif',
  fontFamilyMonospace: 'ui-monospace, "SF Mono", "DejaVu Sans Mono", Menlo, Consolas, monospace',
});

createRoot(document.getElementById("root")!).render(
  <MantineProvider theme={theme} defaultColorScheme="auto">
    <App />
  </MantineProvider>,
);
