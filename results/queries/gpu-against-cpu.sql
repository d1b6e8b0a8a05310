-- How many times as fast as itself on the CPU, and as the fastest backend there, is a backend on the GPU?
WITH setting AS (
  SELECT task, stage, precision, machine, backend, params,
         max(speedup) FILTER (baseline = backend) AS over_itself, min(speedup) AS over_fastest,
         arg_min(baseline, speedup) AS fastest
  FROM speedup
  WHERE device = 'cuda' AND baseline_device = 'cpu' AND NOT includes_compilation
  GROUP BY ALL
)
SELECT task, stage, precision, machine, backend, count(*) AS settings, geometric_mean(over_itself) AS over_itself_on_cpu,
       geometric_mean(over_fastest) AS over_fastest_on_cpu, min(over_fastest) AS lowest, max(over_fastest) AS highest,
       mode(fastest) AS fastest_on_cpu
FROM setting
GROUP BY task, stage, precision, machine, backend
ORDER BY task, stage, precision, machine, backend;
