-- How many times as fast is JAX as PyTorch, by task and stage? Ratios over all parameters, each with its interval.
SELECT task, stage, precision, device, machine, count(*) AS settings, geometric_mean(speedup) AS speedup,
       min(low) AS lowest, max(high) AS highest,
       count(*) FILTER (outcome = 'faster') AS jax_faster, count(*) FILTER (outcome = 'slower') AS torch_faster
FROM speedup
WHERE backend = 'jax' AND baseline = 'torch' AND device = baseline_device AND NOT includes_compilation
GROUP BY task, stage, precision, device, machine
ORDER BY task, stage, precision, device, machine;
