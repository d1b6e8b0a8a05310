-- Where does the time go? The share of each stage in a run, compilation and repeats left out.
WITH spent AS (
  SELECT r.task, r.backend, r.device, s.stage, s.seconds, s.first
  FROM latest_run r JOIN stage_time s USING (run_id)
)
SELECT task, backend, device, stage, count(*) AS runs, median(seconds) AS median_seconds, sum(seconds) AS total_seconds,
       100 * sum(seconds) / sum(sum(seconds)) OVER (PARTITION BY task, backend, device) AS percent
FROM spent
GROUP BY task, backend, device, stage
ORDER BY task, backend, device, total_seconds DESC;
