-- The rules that views, queries and commands share, each stated once. They need no table: commands ask them of values
-- in memory, too (ntkbench/results/rules.py). What each is: comments.sql.

CREATE OR REPLACE MACRO agrees(value, other, tolerance) AS
  abs(value - other) <= tolerance;

CREATE OR REPLACE MACRO point_agrees(x, y, other_x, other_y, tolerance) AS
  other_x = x AND agrees(y, other_y, tolerance);

-- What the verdict on a claim comes to: a claim that is known not to hold counts apart, whatever was measured.
CREATE OR REPLACE MACRO outcome(verdict, finding) AS
  CASE WHEN finding IS NULL OR verdict = 'not run' THEN verdict ELSE 'finding' END;

-- What makes `ntkbench verify` fail: a claim read in its source that does not hold, or a finding that does.
CREATE OR REPLACE MACRO fails(verdict, finding, verified) AS
  verified AND verdict = CASE WHEN finding IS NULL THEN 'not reproduced' ELSE 'reproduced' END;

-- A sorting key: a foreign record takes the place of none of this machine's. Named submitters by their names, which the
-- importer chose; last what nobody vouches for.
CREATE OR REPLACE MACRO precedence(origin, submitter) AS
  CASE WHEN origin = 'this machine' THEN '1' WHEN origin = 'reference' THEN '2'
       WHEN submitter <> '' THEN '3 ' || submitter ELSE '4' END;

-- A window function, for QUALIFY. `place` tells attempts apart that do not replace each other (NULL: all do); `first`
-- is the precedence.
CREATE OR REPLACE MACRO latest_attempt(experiment_id, place, first, stored, run_id) AS
  row_number() OVER (PARTITION BY experiment_id, place ORDER BY first, stored DESC, run_id) = 1;

-- A window function, for QUALIFY, likewise: whether a row is of the first origin that its group has any row of.
CREATE OR REPLACE MACRO of_first_origin(origin, submitter, place) AS
  dense_rank() OVER (PARTITION BY place ORDER BY precedence(origin, submitter)) = 1;

-- Whether what ran is one of our backends, a peer, or a guest, of the facts of its environment: they say so of the others.
CREATE OR REPLACE MACRO entry_kind(facts) AS
  coalesce(map_extract(facts, 'entry kind')[1], 'backend');

-- Order statistics: the number of samples below the median is binomial, whatever their distribution, so the interval
-- needs no resampling, and the same samples always give the same one.
CREATE OR REPLACE MACRO interval_rank(samples) AS
  greatest(1, floor((samples + 1) / 2 - 0.98 * sqrt(samples))::INTEGER);

CREATE OR REPLACE MACRO median_interval(sorted) AS {
  'low': sorted[interval_rank(len(sorted))],
  'high': sorted[len(sorted) + 1 - interval_rank(len(sorted))]
};

-- Both are rows with seconds, low, high, samples and includes_compilation. One sample tells nothing of how it would
-- vary.
CREATE OR REPLACE MACRO speed_ratio(entry, baseline) AS {
  'speedup': baseline.seconds / nullif(entry.seconds, 0),
  'low': CASE WHEN least(entry.samples, baseline.samples) > 1 THEN baseline.low / nullif(entry.high, 0) END,
  'high': CASE WHEN least(entry.samples, baseline.samples) > 1 THEN baseline.high / nullif(entry.low, 0) END,
  'outcome': CASE WHEN least(entry.samples, baseline.samples) <= 1 THEN 'one sample'
                  WHEN baseline.low > entry.high THEN 'faster'
                  WHEN baseline.high < entry.low THEN 'slower'
                  ELSE 'no difference shown' END,
  'includes_compilation': entry.includes_compilation OR baseline.includes_compilation
};
