-- How many claims have each verdict, findings apart, by task and by whether the figure was read in its source?
SELECT task, verified,
       count(*) FILTER (outcome(verdict, finding) = 'reproduced') AS reproduced,
       count(*) FILTER (outcome(verdict, finding) = 'finding') AS findings,
       count(*) FILTER (outcome(verdict, finding) = 'not reproduced') AS not_reproduced,
       count(*) FILTER (outcome(verdict, finding) = 'inconclusive') AS inconclusive,
       count(*) FILTER (verdict = 'not run') AS not_run
FROM verdict
GROUP BY task, verified
ORDER BY task, verified DESC;
