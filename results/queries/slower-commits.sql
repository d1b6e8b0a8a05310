-- Which commits made a benchmark slower or larger, by a tenth or more against the five measured before?
SELECT benchmark, params, left(commit_id, 10) AS "commit", committed, subject, ratio, baseline, value, unit, machine, origin,
       submitter
FROM perf_history
WHERE ratio >= 1.1
ORDER BY precedence(origin, submitter), committed DESC, ratio DESC;
