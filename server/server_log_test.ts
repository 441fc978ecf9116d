import { assertEquals, assertMatch } from "@std/assert";
import { openServerLog } from "./server_log.ts";

Deno.test({
  name: "openServerLog() says once that its file is where nothing may be written",
  permissions: { read: true, write: ["/run"] },
  fn() {
    const said: string[] = [];
    const config = { level: "info", file: "/data/fabric.log", maxBytes: 4096 } as const;
    const log = openServerLog(config, { writeStderr: (text) => said.push(text) });
    log.write("info", "one");
    log.write("info", "two");
    assertEquals(said.length, 1);
    assertMatch(said[0] ?? "", /log\.file "\/data\/fabric\.log".*use one below \/run, .*\n$/);
  },
});
