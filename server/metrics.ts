/**
 * Figures for Prometheus, in its text format.
 *
 * @module
 */

/** Labels of one series. */
export type MetricLabels = Readonly<Record<string, string>>;

const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5] as const;

interface Histogram {
  readonly labels: string;
  readonly counts: number[];
  sum: number;
  count: number;
}

function format(labels: MetricLabels): string {
  const parts = Object.entries(labels).map(([name, value]) =>
    `${name}="${value.replace(/[\\"]/g, "\\$&").replaceAll("\n", "\\n")}"`
  );
  return parts.join(",");
}

/** One series as a line. */
export function series(name: string, labels: MetricLabels, value: number): string {
  const text = format(labels);
  return `${name}${text === "" ? "" : `{${text}}`} ${value}\n`;
}

/** What stands above the series of a figure. */
export function heading(
  name: string,
  type: "counter" | "gauge" | "histogram",
  help: string,
): string {
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
}

/** Counters and histograms of this process. */
export class Metrics {
  readonly #counters = new Map<string, Map<string, number>>();
  readonly #histograms = new Map<string, Map<string, Histogram>>();

  /** Counts one more. */
  count(name: string, labels: MetricLabels, by = 1): void {
    let known = this.#counters.get(name);
    if (known === undefined) this.#counters.set(name, known = new Map());
    const key = format(labels);
    known.set(key, (known.get(key) ?? 0) + by);
  }

  /** Notes how long something took. */
  observe(name: string, labels: MetricLabels, seconds: number): void {
    let known = this.#histograms.get(name);
    if (known === undefined) this.#histograms.set(name, known = new Map());
    const key = format(labels);
    let one = known.get(key);
    if (one === undefined) {
      known.set(key, one = { labels: key, counts: BUCKETS.map(() => 0), sum: 0, count: 0 });
    }
    for (const [index, limit] of BUCKETS.entries()) {
      if (seconds <= limit) one.counts[index] = (one.counts[index] ?? 0) + 1;
    }
    one.sum += seconds;
    one.count++;
  }

  /** All of them as text; `help` by name. */
  text(help: Readonly<Record<string, string>>): string {
    let text = "";
    for (const [name, values] of this.#counters) {
      text += heading(name, "counter", help[name] ?? name);
      for (const [labels, value] of values) text += `${name}${labels && `{${labels}}`} ${value}\n`;
    }
    for (const [name, values] of this.#histograms) {
      text += heading(name, "histogram", help[name] ?? name);
      for (const { labels, counts, sum, count } of values.values()) {
        const prefix = labels === "" ? "" : `${labels},`;
        for (const [index, limit] of BUCKETS.entries()) {
          text += `${name}_bucket{${prefix}le="${limit}"} ${counts[index] ?? 0}\n`;
        }
        text += `${name}_bucket{${prefix}le="+Inf"} ${count}\n`;
        text += `${name}_sum${labels && `{${labels}}`} ${sum}\n`;
        text += `${name}_count${labels && `{${labels}}`} ${count}\n`;
      }
    }
    return text;
  }
}
