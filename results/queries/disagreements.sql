-- Where do backends differ on the same inputs, in what, and by how many tolerances?
SELECT a.task, a.params, a.precision, a.seed, a.backend, a.device, b.backend AS other, b.device AS other_device,
       m.name AS metric, m.value, n.value AS other_value, m.unit, abs(m.value - n.value) / m.tolerance AS tolerances
FROM latest_run a JOIN latest_run b USING (task, task_version, params, precision, seed)
  JOIN metric m ON m.run_id = a.run_id
  JOIN metric n ON n.run_id = b.run_id AND n.name = m.name
WHERE (a.backend, a.device) < (b.backend, b.device) AND a.dataset_sha256 IS NOT DISTINCT FROM b.dataset_sha256
  AND NOT agrees(m.value, n.value, m.tolerance)
ORDER BY tolerances DESC, a.task, metric;
