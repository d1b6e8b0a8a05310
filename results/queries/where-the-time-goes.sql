-- Where does the time go? By stage, and by what is beside: compiling, repeats, starting, data, the rest.
SELECT task, backend, device, part, stage, count(*) AS runs, median(seconds) AS median_seconds,
       sum(seconds) AS total_seconds,
       100 * sum(seconds) / nullif(sum(sum(seconds)) OVER (PARTITION BY task, backend, device), 0) AS percent
FROM latest_run JOIN time_account USING (run_id)
GROUP BY task, backend, device, part, stage
HAVING sum(seconds) > 0
ORDER BY task, backend, device, total_seconds DESC;
