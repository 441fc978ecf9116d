/**
 * `fabric-ctl serve`.
 *
 * @module
 */

import { openServerLog } from "./server_log.ts";
import { type Command, type CommandCall, CONFIG_FLAGS, readConfig } from "./command.ts";
import { ROLES } from "./auth/principal.ts";
import { serve } from "./serve.ts";
import { parseSettings } from "./settings.ts";

async function run(call: CommandCall): Promise<number> {
  const { flags, io } = call;
  const config = await readConfig(call);
  const settings = parseSettings(config.server, {
    listen: flags.get("listen"),
    anonymous: flags.get("anonymous"),
    tlsCertFile: flags.get("tls-cert-file"),
    tlsKeyFile: flags.get("tls-key-file"),
    clientCaFile: flags.get("client-ca-file"),
  });
  const log = openServerLog(config.log, io);
  const ending = new AbortController();
  const end = (): void => ending.abort("signal");
  Deno.addSignalListener("SIGTERM", end);
  Deno.addSignalListener("SIGINT", end);
  try {
    await serve({
      config,
      settings,
      log,
      signal: ending.signal,
      onListening: (url) => io.writeStdout(`fabric-ctl listens at ${url}\n`),
      onReload: (reload) => {
        Deno.addSignalListener("SIGHUP", reload);
        if (settings.tls !== undefined) setInterval(reload, 3_600_000);
      },
    });
  } finally {
    Deno.removeSignalListener("SIGTERM", end);
    Deno.removeSignalListener("SIGINT", end);
  }
  return 0;
}

/** `serve`. */
export const SERVE: Command = {
  name: "serve",
  args: "",
  summary: "Serve the REST API and the console",
  flags: {
    "listen": { value: "HOST:PORT", text: "Where to listen; default: 127.0.0.1:8080" },
    "anonymous": {
      value: ROLES.join("|"),
      text: "Whoever connects by loopback has this role; refused for any other address",
    },
    "tls-cert-file": { value: "FILE", text: "Certificate of the server (PEM)" },
    "tls-key-file": { value: "FILE", text: "Its key (PEM); nobody else may read the file" },
    "client-ca-file": {
      value: "FILE",
      text: "Authorities of client certificates (PEM); without it none is asked for",
    },
    ...CONFIG_FLAGS,
  },
  notes: "SIGTERM ends it when all requests are answered; SIGHUP reads the certificate again.\n" +
    "The section `server` of the configuration says the same and more; see docs/api.md.",
  run,
};
