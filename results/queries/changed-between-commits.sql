-- What changed between the two newest commits that ran here? Metrics of the same experiment, side by side.
WITH ranked AS (
  SELECT commit_id, row_number() OVER (ORDER BY max(stored) DESC) AS place
  FROM provenance WHERE status = 'ok' GROUP BY commit_id
), newest AS (
  SELECT p.experiment_id, p.task, p.params, p.backend, p.seed, p.run_id, p.commit_id, ranked.place
  FROM provenance p JOIN ranked USING (commit_id)
  WHERE p.status = 'ok' AND ranked.place <= 2
  QUALIFY latest_attempt(p.experiment_id, p.commit_id, precedence(p.origin, p.submitter), p.stored, p.run_id)
)
SELECT b.task, b.params, b.backend, b.seed, m.name AS metric, left(a.commit_id, 10) AS old_commit, n.value AS old,
       left(b.commit_id, 10) AS new_commit, m.value AS new, m.value - n.value AS difference, m.unit, m.tolerance
FROM newest a JOIN newest b ON a.experiment_id = b.experiment_id AND a.place = 2 AND b.place = 1
  JOIN metric m ON m.run_id = b.run_id
  JOIN metric n ON n.run_id = a.run_id AND n.name = m.name
WHERE m.value <> n.value
ORDER BY abs(difference) / nullif(m.tolerance, 0) DESC NULLS LAST, b.task, metric;
