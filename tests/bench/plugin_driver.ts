/**
 * Runs on a host of the lab: calls plugins as a runtime does, each in a namespace of its own, and
 * says how long each call took from the start of the process to its end. Reads a job as JSON on
 * standard input, writes the times on standard output. The cases take turns, so that the machine's
 * drift meets all.
 *
 * @module
 */

export interface PluginCase {
  readonly name: string;
  /** The program; without `conf` it is only started, as a cold start to compare with. */
  readonly program: string;
  readonly conf?: Readonly<Record<string, unknown>>;
  /** CNI_ARGS. */
  readonly args?: string;
  /** A line of shell that goes before each of its rounds. */
  readonly before?: string;
}

export interface Job {
  readonly rounds: number;
  readonly cniPath: string;
  readonly cases: readonly PluginCase[];
}

/** Milliseconds by case, a number per round. */
export type Times = Readonly<
  Record<string, CaseTimes>
>;

export interface CaseTimes {
  readonly add: readonly number[];
  readonly del: readonly number[];
  /** Of processors in an ADD, its programs' included: the mean, since the kernel tells it in 10 ms. */
  readonly addProcessor: number;
}

/** Milliseconds of processors in the programs that have ended (proc(5), `cutime` and `cstime`). */
export function processorMs(): number {
  const stat = Deno.readTextFileSync("/proc/self/stat");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return 10 * (Number(fields[13]) + Number(fields[14]));
}

async function timed(
  program: string,
  options: { readonly env: Readonly<Record<string, string>>; readonly input: string },
): Promise<number> {
  const start = performance.now();
  const child = new Deno.Command(program, {
    env: options.env,
    clearEnv: true,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  // A program that does not read its input closes the pipe: that is its right.
  await writer.write(new TextEncoder().encode(options.input)).catch(() => {});
  await writer.close().catch(() => {});
  const output = await child.output();
  const ms = performance.now() - start;
  if (output.code !== 0) {
    const text = new TextDecoder().decode(output.stdout) + new TextDecoder().decode(output.stderr);
    throw new Error(
      `${program} ${options.env["CNI_COMMAND"] ?? ""}: status ${output.code} ${text}`,
    );
  }
  return ms;
}

async function command(program: string, ...args: readonly string[]): Promise<void> {
  const { code, stderr } = await new Deno.Command(program, { args: [...args] }).output();
  if (code === 0) return;
  throw new Error(`${program} ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
}

async function run(job: Job): Promise<Times> {
  const times: Record<string, { add: number[]; del: number[]; addProcessor: number }> = {};
  for (const { name } of job.cases) times[name] = { add: [], del: [], addProcessor: 0 };
  // The first round warms caches and is not counted.
  for (let round = -1; round < job.rounds; round++) {
    for (const { name, program, conf, args, before: prepare } of job.cases) {
      if (prepare !== undefined) await command("sh", "-euc", prepare);
      const into = round < 0 ? undefined : times[name];
      if (conf === undefined) {
        const ms = await timed(program, { env: {}, input: "" });
        into?.add.push(ms);
        continue;
      }
      const netns = `bench${round + 1}`;
      await command("ip", "netns", "add", netns);
      const call = (verb: string): Promise<number> =>
        timed(program, {
          env: {
            PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
            CNI_COMMAND: verb,
            CNI_PATH: job.cniPath,
            CNI_CONTAINERID: `${name.replaceAll(/[^a-z0-9]/g, "")}-${round + 1}`,
            CNI_NETNS: `/run/netns/${netns}`,
            CNI_IFNAME: "eth0",
            ...(args === undefined ? {} : { CNI_ARGS: args }),
          },
          input: JSON.stringify(conf),
        });
      const before = processorMs();
      const add = await call("ADD");
      if (into !== undefined) into.addProcessor += (processorMs() - before) / job.rounds;
      const del = await call("DEL");
      into?.add.push(add);
      into?.del.push(del);
      await command("ip", "netns", "delete", netns);
    }
  }
  return times;
}

if (import.meta.main) {
  const job: Job = JSON.parse(await new Response(Deno.stdin.readable).text());
  // deno-lint-ignore no-console -- its answer
  console.log(JSON.stringify(await run(job)));
}
