import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// Relative asset paths, so that the same build works below any --web.route-prefix.
export default defineConfig({
  base: "./",
  plugins: [react()],
  build: { target: "es2022", chunkSizeWarningLimit: 1200 },
  server: { proxy: { "/api": process.env.NARTHEX_URL ?? "http://127.0.0.1:9090" } },
});
