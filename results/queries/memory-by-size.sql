-- How much memory does a run need at its peak, by task, backend and number of training points?
WITH peak AS (
  SELECT task, backend, device, coalesce(params ->> 'n_train', params ->> 'n') AS n, value / 2**30 AS gib
  FROM measurement
  WHERE role = 'peak memory'
)
SELECT task, backend, device, n, count(*) AS runs, median(gib) AS median_gib, max(gib) AS largest_gib
FROM peak
GROUP BY task, backend, device, n
ORDER BY task, backend, device, try_cast(n AS DOUBLE);
