-- How many claims have each verdict, backend by backend, by task and by whether the figure was read in its source?
SELECT task, verified,
       count(*) FILTER (verdict = 'reproduced') AS reproduced,
       count(*) FILTER (verdict = 'not reproduced') AS not_reproduced,
       count(*) FILTER (verdict = 'inconclusive') AS inconclusive,
       count(*) FILTER (verdict = 'not run') AS not_run
FROM verdict
GROUP BY task, verified
ORDER BY task, verified DESC;
