-- How much do results scatter from seed to seed? Standard deviation of each metric, most scattered first.
SELECT task, metric, unit, backend, params, precision, count(*) AS seeds, avg(value) AS mean,
       stddev_samp(value) AS standard_deviation, min(value) AS lowest, max(value) AS highest
FROM measurement
WHERE unit NOT IN ('B', 'op')
GROUP BY task, metric, unit, backend, params, precision
HAVING count(*) > 1
ORDER BY standard_deviation / nullif(abs(avg(value)), 0) DESC NULLS LAST, task, metric;
