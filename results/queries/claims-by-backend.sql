-- Which published claims hold on which backend? One row a claim, a column for each backend that ran it.
WITH judged AS (
  SELECT task, claim, published, verified, finding, backend, verdict,
         array_position(['not reproduced', 'inconclusive', 'reproduced'], verdict) AS goodness
  FROM verdict WHERE runs > 0
)
PIVOT judged
-- The worst of several devices and precisions.
ON backend USING arg_min(verdict, goodness)
GROUP BY task, claim, published, verified, finding
ORDER BY task, claim;
