-- Which backend is fastest at each stage, and by how much? Entries that share rank 1 cannot be told apart.
SELECT task, params, precision, machine, stage,
       string_agg(backend || ' on ' || device, ', ' ORDER BY seconds, backend, device) FILTER (rank = 1) AS fastest,
       min(seconds) AS seconds, max(seconds) / nullif(min(seconds), 0) AS slowest_over_fastest
FROM leaderboard
GROUP BY task, params, precision, machine, stage
HAVING count(*) > 1
ORDER BY slowest_over_fastest DESC, task, stage;
