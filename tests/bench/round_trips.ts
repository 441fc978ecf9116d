/**
 * Runs in a network namespace: `serve PORT` answers each byte with a byte; `measure HOST PORT COUNT`
 * prints the microseconds of each of COUNT round trips over one TCP connection, as JSON. It imports
 * nothing, so that it starts quickly.
 *
 * @module
 */

const [role, ...args] = Deno.args;
const WARM_UP = 200;

async function echo(connection: Deno.TcpConn): Promise<void> {
  connection.setNoDelay(true);
  const byte = new Uint8Array(1);
  while (await connection.read(byte) !== null) await connection.write(byte);
}

async function measure(hostname: string, port: number, count: number): Promise<void> {
  const connection = await Deno.connect({ hostname, port });
  connection.setNoDelay(true);
  const byte = new Uint8Array(1);
  const times: number[] = [];
  for (let i = 0; i < count + WARM_UP; i++) {
    const start = performance.now();
    await connection.write(byte);
    await connection.read(byte);
    if (i >= WARM_UP) times.push((performance.now() - start) * 1000);
  }
  connection.close();
  await Deno.stdout.write(new TextEncoder().encode(JSON.stringify(times)));
}

if (role === "serve") {
  const listener = Deno.listen({ hostname: "::", port: Number(args[0]) });
  await Deno.stdout.write(new TextEncoder().encode("listening\n"));
  for await (const connection of listener) echo(connection).catch(() => {});
} else {
  await measure(args[0] ?? "", Number(args[1]), Number(args[2]));
}
