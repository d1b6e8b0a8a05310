-- CNTK accuracy by depth and pooling: mean over seeds, and twice its standard error where there are several seeds.
WITH by_seed AS (
  -- Backends agree far better than seeds do: of each seed their mean.
  SELECT params ->> 'dataset' AS dataset, params ->> 'pooling' AS pooling, (params ->> 'depth')::INTEGER AS depth,
         (params ->> 'n_train')::INTEGER AS n_train, seed, avg(value) AS accuracy
  FROM measurement
  WHERE task = 'cifar_cntk' AND metric = 'test_accuracy'
  GROUP BY ALL
)
SELECT dataset, n_train, pooling, depth, count(*) AS seeds, avg(accuracy) AS accuracy_percent,
       2 * stddev_samp(accuracy) / sqrt(count(*)) AS plus_minus
FROM by_seed
GROUP BY dataset, n_train, pooling, depth
ORDER BY dataset, n_train, pooling, depth;
