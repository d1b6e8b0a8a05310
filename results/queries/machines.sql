-- On which machines and versions was how much run?
WITH facts AS (
  SELECT environment_id, map_from_entries(list((fact, value))) AS fact FROM environment_fact GROUP BY environment_id
)
SELECT p.machine, f.fact['cpu'] AS cpu, f.fact['cores'] AS cores, f.fact['cores given'] AS cores_given,
       f.fact['memory'] AS memory, f.fact['gpu'] AS gpu, f.fact['python'] AS python, f.fact['version jax'] AS jax,
       f.fact['version torch'] AS torch, f.fact['version numba'] AS numba, count(*) AS runs,
       min(p.started) AS first_run, max(p.finished) AS last_run
FROM provenance p JOIN facts f USING (environment_id)
GROUP BY ALL
ORDER BY last_run DESC;
