-- Which commits made a benchmark slower or larger, by a tenth or more against the five measured before?
SELECT benchmark, params, left(commit_id, 10) AS "commit", committed, subject, ratio, baseline, value, unit, machine
FROM perf_history
WHERE ratio >= 1.1
ORDER BY committed DESC, ratio DESC;
