-- What does float32 cost in accuracy, and what does float64 cost in time? The same experiment in both.
WITH spent AS (
  SELECT run_id, sum(seconds) AS seconds FROM stage_time GROUP BY run_id
)
SELECT s.task, s.params, s.backend, s.device, s.seed, m.name AS metric, m.value AS float32, n.value AS float64,
       m.value - n.value AS difference, m.unit, d.seconds / nullif(t.seconds, 0) AS float64_takes_times
FROM latest_run s JOIN latest_run l USING (task, task_version, params, backend, device, seed)
  JOIN metric m ON m.run_id = s.run_id
  JOIN metric n ON n.run_id = l.run_id AND n.name = m.name
  LEFT JOIN spent t ON t.run_id = s.run_id
  LEFT JOIN spent d ON d.run_id = l.run_id
WHERE s.precision = 'float32' AND l.precision = 'float64' AND m.unit NOT IN ('B', 'op')
ORDER BY s.task, s.params, s.backend, metric, s.seed;
