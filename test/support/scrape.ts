/** What a server tells Prometheus. */
export interface Scrape {
  readonly contentType: string;
  readonly text: string;
  /** The value of a series, written as in the text: `name{label="value"}`. `undefined` when there is none. */
  value(series: string): number | undefined;
  /** The names of all metrics. */
  readonly names: readonly string[];
}

/** Reads `/metrics`, without a key. */
export const scrape = async (url: string): Promise<Scrape> => {
  const answer = await fetch(`${url}/metrics`);
  if (answer.status !== 200) throw new Error(`/metrics was answered ${answer.status}`);
  const text = await answer.text();
  const values = new Map(
    text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => {
        const end = line.lastIndexOf(' ');
        return [line.slice(0, end), Number(line.slice(end + 1))] as const;
      }),
  );
  return {
    contentType: answer.headers.get('content-type') ?? '',
    text,
    value: (series) => values.get(series),
    names: [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name = '']) => name),
  };
};
