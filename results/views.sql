-- What people ask of the database. Made anew each time a command prepares to write, so that an older file gets newer
-- views. The rules that they share: macros.sql. What each view and column is, with its unit: comments.sql.

CREATE OR REPLACE VIEW claims_seen AS
SELECT task, task_version, claims_id, stored AS seen, origin, submitter FROM declaration
UNION ALL
SELECT task, task_version, claims_id, stored, origin, submitter FROM run;

CREATE OR REPLACE VIEW present AS
SELECT task, task_version, claims_id FROM claims_seen
QUALIFY row_number() OVER (
  PARTITION BY task ORDER BY precedence(origin, submitter), task_version DESC, seen DESC, claims_id) = 1;

CREATE OR REPLACE VIEW good_run AS
SELECT run.* EXCLUDE (seal), environment.machine, environment.commit_id
FROM run JOIN environment USING (environment_id) JOIN present USING (task, task_version)
WHERE status = 'ok';

CREATE OR REPLACE VIEW latest_on_machine AS
SELECT * FROM good_run
QUALIFY latest_attempt(experiment_id, (machine, origin, submitter), NULL, stored, run_id);

CREATE OR REPLACE VIEW latest_by_origin AS
SELECT * FROM good_run
QUALIFY latest_attempt(experiment_id, (origin, submitter), NULL, stored, run_id);

-- Of each setting on each entry the first origin alone: no mean is over runs of several.
CREATE OR REPLACE VIEW latest_run AS
SELECT * FROM latest_by_origin
QUALIFY of_first_origin(origin, submitter, (task, params, backend, device, precision));

CREATE OR REPLACE VIEW failure AS
SELECT * EXCLUDE (origin, submitter) FROM (
  SELECT run_id, experiment_id, task, task_version, tier, params, backend, device, precision, seed, status, reason,
         traceback, finished, command, origin, submitter
  FROM run JOIN present USING (task, task_version)
  QUALIFY latest_attempt(experiment_id, (origin, submitter), NULL, stored, run_id)
      AND of_first_origin(origin, submitter, (task, params, backend, device, precision))
) WHERE status NOT IN ('ok', 'not_applicable');

CREATE OR REPLACE VIEW agreement AS
WITH pair AS (
  SELECT a.run_id, b.run_id AS other_id
  FROM latest_on_machine a JOIN latest_run b
    ON a.task = b.task AND a.task_version = b.task_version AND a.params = b.params AND a.precision = b.precision
   AND a.seed = b.seed AND a.dataset_sha256 IS NOT DISTINCT FROM b.dataset_sha256
   AND (a.backend, a.device) <> (b.backend, b.device)
    -- This machine's runs are not outvoted by what others say.
   AND precedence(b.origin, b.submitter) <= precedence(a.origin, a.submitter)
), differing_metric AS (
  SELECT p.run_id, p.other_id, string_agg(m.name, ', ' ORDER BY m.name) AS names
  FROM pair p JOIN metric m ON m.run_id = p.run_id JOIN metric n ON n.run_id = p.other_id AND n.name = m.name
  -- Stated, though a tolerance that is NULL makes the rest NULL: half of the metrics need not be paired.
  WHERE m.tolerance IS NOT NULL AND NOT agrees(m.value, n.value, m.tolerance)
  GROUP BY ALL
), curve_share AS (
  SELECT p.run_id, p.other_id, c.name,
         count(*) FILTER (point_agrees(c.x, c.y, d.x, d.y, c.tolerance)) / count(*) AS agreeing,
         any_value(c.share) AS share
  FROM pair p JOIN curve c ON c.run_id = p.run_id
    LEFT JOIN curve d ON d.run_id = p.other_id AND d.name = c.name AND d.point = c.point
  WHERE c.share IS NOT NULL
  GROUP BY ALL
), differing_curve AS (
  SELECT run_id, other_id, string_agg(name, ', ' ORDER BY name) AS names
  FROM curve_share WHERE agreeing < share GROUP BY ALL
), judged AS (
  SELECT p.run_id, m.names IS NULL AND c.names IS NULL AS agrees, concat_ws(', ', m.names, c.names) AS names
  FROM pair p LEFT JOIN differing_metric m USING (run_id, other_id) LEFT JOIN differing_curve c USING (run_id, other_id)
)
SELECT r.task, r.params, r.precision, r.seed, r.backend, r.device, r.run_id, r.machine,
       count(j.run_id) AS others,
       count(*) FILTER (j.agrees) AS agreeing,
       CASE WHEN count(j.run_id) = 0 THEN 'unchecked'
            WHEN count(*) FILTER (j.agrees) * 2 >= count(j.run_id) THEN 'agrees'
            ELSE 'disagrees' END AS status,
       coalesce(string_agg(DISTINCT j.names, '; ') FILTER (NOT j.agrees), '') AS differs_in
FROM latest_on_machine r LEFT JOIN judged j USING (run_id)
GROUP BY r.task, r.params, r.precision, r.seed, r.backend, r.device, r.run_id, r.machine;

CREATE OR REPLACE VIEW stage_time AS
SELECT run_id, stage,
       median(seconds) FILTER (phase = 'first') AS first,
       median(seconds) FILTER (phase = 'steady') AS steady,
       coalesce(steady, first) AS seconds
FROM timing GROUP BY run_id, stage;

CREATE OR REPLACE VIEW stage_sample AS
SELECT t.run_id, t.stage, t.seconds, t.phase = 'first' AS includes_compilation, s.first, s.steady
FROM timing t JOIN stage_time s USING (run_id, stage)
-- Steady samples where there are any; a stage that takes long has its first one only.
WHERE t.phase = 'steady' OR s.steady IS NULL;

-- Whoever names a machine in a record: what is ranked on it is of one origin.
CREATE OR REPLACE VIEW ranked_run AS
SELECT * FROM latest_on_machine
QUALIFY of_first_origin(origin, submitter, (task, params, precision, machine));

CREATE OR REPLACE VIEW speed AS
WITH counted AS MATERIALIZED (
  SELECT r.task, r.params, r.precision, r.machine, r.backend, r.device, r.run_id, a.status AS agreement,
         entry_kind(e.facts) AS kind
  FROM ranked_run r JOIN agreement a USING (run_id) JOIN environment e USING (environment_id)
  WHERE a.status <> 'disagrees'
), entry AS (
  SELECT c.task, c.params, c.precision, c.machine, s.stage, c.backend, c.device, c.kind,
         count(*) AS samples, median(s.seconds) AS seconds, median_interval(list_sort(list(s.seconds))) AS bounds,
         max(s.first) AS first_seconds,
         max(greatest(s.first - s.steady, 0)) FILTER (s.steady IS NOT NULL) AS compile_seconds,
         bool_or(s.includes_compilation) AS includes_compilation,
         CASE WHEN bool_or(c.agreement = 'unchecked') THEN 'unchecked' ELSE 'agrees' END AS agreement
  FROM counted c JOIN stage_sample s USING (run_id)
  GROUP BY c.task, c.params, c.precision, c.machine, s.stage, c.backend, c.device, c.kind
), largest AS (
  SELECT c.task, c.params, c.precision, c.machine, c.backend, c.device,
         max(m.value) FILTER (m.role = 'gram error') AS gram_error,
         max(m.value) FILTER (m.role = 'peak memory') AS peak_memory
  FROM counted c JOIN metric m USING (run_id)
  WHERE m.role IN ('gram error', 'peak memory')
  GROUP BY ALL
)
SELECT e.task, e.params, e.precision, e.machine, e.device, e.stage, e.backend, e.kind, e.seconds, e.bounds.low AS low,
       e.bounds.high AS high, e.samples, e.first_seconds, e.compile_seconds, e.includes_compilation, e.agreement,
       l.gram_error, l.peak_memory
FROM entry e LEFT JOIN largest l USING (task, params, precision, machine, backend, device);

CREATE OR REPLACE VIEW leaderboard AS
WITH entry AS MATERIALIZED (
  FROM speed
)
SELECT task, params, precision, machine, device, stage,
       1 + (SELECT count(*) FROM entry o
            WHERE o.task = e.task AND o.params = e.params AND o.precision = e.precision AND o.machine = e.machine
              AND o.stage = e.stage AND o.high < e.low) AS rank,
       backend, kind, seconds,
       -- One sample tells nothing of how it would vary.
       CASE WHEN samples > 1 THEN low END AS low, CASE WHEN samples > 1 THEN high END AS high,
       samples, first_seconds, compile_seconds, includes_compilation, agreement, gram_error, peak_memory
FROM entry e
ORDER BY task, params, machine, stage, rank, seconds;

CREATE OR REPLACE VIEW speedup AS
WITH entry AS MATERIALIZED (
  FROM speed
)
SELECT e.task, e.params, e.precision, e.machine, e.stage, e.backend, e.device, b.backend AS baseline,
       b.device AS baseline_device, e.seconds, b.seconds AS baseline_seconds, unnest(speed_ratio(e, b))
FROM entry e JOIN entry b USING (task, params, precision, machine, stage)
WHERE (e.backend, e.device) <> (b.backend, b.device);

CREATE OR REPLACE VIEW rate AS
WITH counted AS (
  -- The same for every seed.
  SELECT r.task, r.params, r.precision, r.machine, r.device, r.backend, m.stage,
         max(m.value) FILTER (m.role = 'operations') AS operations, max(m.value) FILTER (m.role = 'bytes') AS bytes
  FROM ranked_run r JOIN metric m USING (run_id)
  WHERE m.role IN ('operations', 'bytes')
  GROUP BY ALL
)
SELECT task, params, precision, machine, device, stage, backend, s.seconds, c.operations, c.bytes,
       c.operations / nullif(s.seconds, 0) AS operations_per_second, c.bytes / nullif(s.seconds, 0) AS bytes_per_second,
       s.includes_compilation
FROM speed s JOIN counted c USING (task, params, precision, machine, device, stage, backend);

CREATE OR REPLACE VIEW machine_limit AS
WITH measured AS (
  SELECT e.machine, r.device, r.backend, r.task, m.role, m.value
  FROM run r JOIN environment e USING (environment_id) JOIN present USING (task, task_version)
    JOIN metric m USING (run_id)
  WHERE r.measures_machine AND r.status = 'ok'
  QUALIFY of_first_origin(r.origin, r.submitter, (e.machine, r.device))
)
SELECT machine, device, precision,
       max(value) FILTER (role = precision || ' operation rate') AS operations_per_second,
       arg_max(backend, value) FILTER (role = precision || ' operation rate') AS operations_backend,
       max(value) FILTER (role = 'bandwidth') AS bytes_per_second,
       arg_max(backend, value) FILTER (role = 'bandwidth') AS bytes_backend,
       list_sort(list(DISTINCT task)) AS tasks
FROM measured CROSS JOIN (VALUES ('float32'), ('float64')) AS known (precision)
GROUP BY machine, device, precision;

CREATE OR REPLACE VIEW efficiency AS
SELECT r.task, r.params, r.precision, r.machine, r.device, r.stage, r.backend, r.seconds,
       r.operations_per_second, r.bytes_per_second,
       l.operations_per_second AS operations_limit, l.bytes_per_second AS bytes_limit,
       r.operations_per_second / l.operations_per_second AS operations_fraction,
       r.bytes_per_second / l.bytes_per_second AS bytes_fraction,
       greatest(operations_fraction, bytes_fraction) AS fraction,
       CASE WHEN fraction = operations_fraction THEN 'arithmetic' WHEN fraction = bytes_fraction THEN 'memory' END AS binds,
       r.includes_compilation
FROM rate r LEFT JOIN machine_limit l USING (machine, device, precision)
ORDER BY task, params, precision, machine, stage, fraction DESC NULLS LAST;

CREATE OR REPLACE VIEW environment_speed AS
WITH counted AS MATERIALIZED (
  SELECT r.run_id, r.task, r.params, r.precision, r.backend, r.device, r.environment_id, e.machine
  FROM run r JOIN environment e USING (environment_id) JOIN present USING (task, task_version)
  WHERE r.status = 'ok' AND r.run_id NOT IN (SELECT run_id FROM agreement WHERE status = 'disagrees')
  QUALIFY latest_attempt(r.experiment_id, r.environment_id, precedence(r.origin, r.submitter), r.stored, r.run_id)
), entry AS (
  SELECT c.task, c.params, c.precision, c.backend, c.device, c.environment_id, c.machine, s.stage,
         count(*) AS samples, median(s.seconds) AS seconds, median_interval(list_sort(list(s.seconds))) AS bounds,
         bool_or(s.includes_compilation) AS includes_compilation
  FROM counted c JOIN stage_sample s USING (run_id)
  GROUP BY c.task, c.params, c.precision, c.backend, c.device, c.environment_id, c.machine, s.stage
)
SELECT * EXCLUDE (bounds), bounds.low AS low, bounds.high AS high FROM entry;

CREATE OR REPLACE VIEW environment_speedup AS
WITH entry AS MATERIALIZED (
  FROM environment_speed
)
SELECT e.task, e.params, e.precision, e.stage, e.backend, e.device, e.environment_id, e.machine,
       b.environment_id AS baseline_id, b.machine AS baseline_machine, e.seconds, b.seconds AS baseline_seconds,
       ratio.speedup, ratio.low, ratio.high,
       CASE WHEN e.machine = b.machine THEN ratio.outcome ELSE 'other machine' END AS outcome,
       ratio.includes_compilation
FROM entry e JOIN entry b USING (task, params, precision, backend, device, stage),
  LATERAL (SELECT speed_ratio(e, b)) AS compared (ratio)
WHERE e.environment_id <> b.environment_id;

-- Student's quantiles for 95 %; between two rows, the wider.
CREATE OR REPLACE VIEW student AS
SELECT * FROM (
  VALUES (1, 12.7062), (2, 4.3027), (3, 3.1824), (4, 2.7764), (5, 2.5706), (6, 2.4469), (7, 2.3646), (8, 2.3060),
         (9, 2.2622), (10, 2.2281), (11, 2.2010), (12, 2.1788), (13, 2.1604), (14, 2.1448), (15, 2.1314), (16, 2.1199),
         (17, 2.1098), (18, 2.1009), (19, 2.0930), (20, 2.0860), (25, 2.0595), (30, 2.0423), (40, 2.0211), (60, 2.0003)
) AS known (freedom, quantile);

CREATE OR REPLACE MACRO half_interval(runs, spread, stderr) AS
  CASE WHEN runs > 1 THEN spread / sqrt(runs) * (SELECT min(quantile) FROM student WHERE freedom <= runs - 1)
       ELSE 1.96 * coalesce(stderr, 0) END;

CREATE OR REPLACE VIEW verdict_by_origin AS
WITH stated AS (
  SELECT claim.* FROM claim JOIN present USING (task, task_version, claims_id)
), spent AS (
  SELECT run_id, sum(seconds) AS seconds FROM stage_time GROUP BY run_id
), matching AS (
  SELECT c.task, c.name, r.backend, r.device, r.precision, r.origin, r.submitter, r.seed, m.value, m.unit, m.stderr,
         s.seconds,
         -- How far off on the wrong side; negative on the right one.
         CASE c.side WHEN 'at least' THEN c.value - m.value WHEN 'at most' THEN m.value - c.value
              ELSE abs(m.value - c.value) END AS distance
  FROM stated c
    JOIN latest_by_origin r ON r.task = c.task AND json_contains(r.params, c.params)
    JOIN metric m ON m.run_id = r.run_id AND m.name = c.metric
    LEFT JOIN spent s ON s.run_id = r.run_id
), measured AS (
  SELECT task, name, backend, device, precision, origin, submitter, count(*) AS runs, list_unique(list(seed)) AS seeds,
         avg(value) AS mean, arg_max(value, distance) AS worst, stddev_samp(value) AS spread,
         any_value(stderr) AS stderr, avg(seconds) AS seconds, any_value(unit) AS unit
  FROM matching GROUP BY task, name, backend, device, precision, origin, submitter
), bounded AS (
  SELECT m.*, half_interval(runs, spread, stderr) AS half FROM measured m
), compared AS (
  SELECT c.*, b.backend, b.device, b.precision, b.origin, b.submitter, b.unit, b.seconds, coalesce(b.runs, 0) AS runs,
         coalesce(b.seeds, 0) AS seeds,
         CASE c.over WHEN 'worst' THEN b.worst ELSE b.mean END AS measured,
         CASE c.over WHEN 'worst' THEN b.worst ELSE b.mean - b.half END AS low,
         CASE c.over WHEN 'worst' THEN b.worst ELSE b.mean + b.half END AS high
  FROM stated c LEFT JOIN bounded b USING (task, name)
)
SELECT task, name AS claim, metric, unit, backend, device, precision, value AS published, tolerance, side, measured,
       low, high, runs, seeds,
       CASE WHEN runs = 0 THEN 'not run'
            WHEN seeds < repeats THEN 'inconclusive'
            WHEN (side = 'at most' OR low >= value - tolerance) AND (side = 'at least' OR high <= value + tolerance)
              THEN 'reproduced'
            WHEN side <> 'at most' AND high < value - tolerance OR side <> 'at least' AND low > value + tolerance
              THEN 'not reproduced'
            ELSE 'inconclusive' END AS verdict,
       finding, seconds, verified, source, params, origin, submitter
FROM compared
ORDER BY task, runs = 0, claim, backend, precedence(origin, submitter);

CREATE OR REPLACE VIEW verdict AS
SELECT * FROM verdict_by_origin
QUALIFY of_first_origin(origin, submitter, (task, claim, backend))
ORDER BY task, runs = 0, claim, backend;

CREATE OR REPLACE VIEW provenance AS
SELECT run_id, experiment_id, task, task_version, tier, params, backend, implementation, device, precision, seed,
       status, reason, traceback, warnings, started, finished,
       date_diff('millisecond', started, finished) / 1000 AS seconds,
       dataset, dataset_sha256, task_sha256, commit_id, environment_id, machine, command, origin, submitter, stored
FROM run JOIN environment USING (environment_id);

CREATE OR REPLACE VIEW measurement AS
SELECT r.run_id, r.task, r.tier, r.params, r.backend, r.device, r.precision, r.seed, m.name AS metric, m.value,
       m.stderr, m.unit, m.better, m.role, m.stage
FROM latest_run r JOIN metric m USING (run_id);

CREATE OR REPLACE VIEW setting_mean AS
WITH taken AS (
  SELECT task, params, metric, unit, backend, device, precision, count(*) AS runs, list_unique(list(seed)) AS seeds,
         avg(value) AS mean, stddev_samp(value) AS spread, any_value(stderr) AS stderr,
         list(run_id ORDER BY seed, run_id) AS run_ids
  FROM measurement GROUP BY ALL
), bounded AS (
  SELECT *, half_interval(runs, spread, stderr) AS half FROM taken
)
SELECT task, params, metric, unit, backend, device, precision, mean, mean - half AS low, mean + half AS high, runs,
       seeds, run_ids
FROM bounded;

CREATE OR REPLACE VIEW recorded AS
SELECT run_id, name AS metric, value, stderr, unit, better, tolerance, role, stage FROM metric;

CREATE OR REPLACE VIEW stopwatch AS
SELECT run_id, stage, phase, sample, seconds FROM timing;

CREATE OR REPLACE VIEW time_account AS
WITH called AS (
  SELECT run_id, sum(seconds) AS seconds FROM timing GROUP BY run_id
), staged AS (
  SELECT run_id, sum(seconds) AS once, coalesce(sum(greatest(first - steady, 0)), 0) AS compiling
  FROM stage_time GROUP BY run_id
), known AS (
  SELECT run_id, 'stage' AS part, stage, seconds FROM stage_time
  UNION ALL
  SELECT run_id, 'compiling', NULL, compiling FROM staged
  UNION ALL
  SELECT run_id, 'repeats', NULL, greatest(c.seconds - once - compiling, 0) FROM staged JOIN called c USING (run_id)
  UNION ALL
  SELECT run_id, name, NULL, seconds FROM part
), explained AS (
  SELECT run_id, sum(seconds) AS seconds FROM known GROUP BY run_id
)
FROM known
UNION ALL
SELECT run_id, 'rest', NULL,
       greatest(date_diff('millisecond', started, finished) / 1000 - coalesce(explained.seconds, 0), 0)
FROM run LEFT JOIN explained USING (run_id);

CREATE OR REPLACE VIEW series AS
SELECT r.run_id, r.task, r.tier, r.params, r.backend, r.device, r.precision, r.seed, c.name, c.point, c.x, c.y,
       c.x_name, c.y_name, c.x_unit, c.y_unit, c.theory_of
FROM latest_run r JOIN curve c USING (run_id);

CREATE OR REPLACE VIEW environment_fact AS
SELECT environment_id, machine, commit_id, runs, entry.key AS fact, entry.value AS value
FROM (
  SELECT e.environment_id, e.machine, e.commit_id, unnest(map_entries(e.facts)) AS entry,
         (SELECT count(*) FROM run WHERE run.environment_id = e.environment_id) AS runs
  FROM environment e
);

-- NULL: not known. Where asv is installed, ntkbench's connections have a temporary macro of this name before it.
CREATE OR REPLACE MACRO step_levels(x, weights) AS NULL::DOUBLE[];

-- A foreign measurement, whatever machine it names, is in no history of this machine's.
CREATE OR REPLACE VIEW perf_history AS
WITH newest AS (
  SELECT p.*, e.machine, e.commit_id, coalesce(map_extract(e.facts, 'python')[1], '') AS python
  FROM perf p JOIN environment e USING (environment_id)
  QUALIFY row_number() OVER (
    PARTITION BY origin, submitter, machine, python, benchmark, version, params, commit_id
    ORDER BY stored DESC, environment_id) = 1
), series AS (
  SELECT origin, submitter, machine, python, benchmark, version, params,
         list(commit_id ORDER BY committed, commit_id) AS commits,
         step_levels(list(value ORDER BY committed, commit_id),
                     list(2 / nullif(high - low, 0) ORDER BY committed, commit_id)) AS levels
  FROM newest GROUP BY ALL
), levelled AS (
  SELECT origin, submitter, machine, python, benchmark, version, params, unnest(commits) AS commit_id,
         unnest(levels) AS level
  FROM series
)
SELECT benchmark, params, machine, python, version, commit_id, committed, subject, unit, value, low, high,
       len(samples) AS samples, number, failure, measured, origin, submitter,
       median(value) OVER before AS baseline, value / nullif(baseline, 0) AS ratio,
       level,
       -- asv's own threshold.
       CASE WHEN abs(level / nullif(last_value(level IGNORE NULLS) OVER past, 0) - 1) >= 0.05
            THEN level / last_value(level IGNORE NULLS) OVER past END AS step
FROM newest JOIN levelled USING (origin, submitter, machine, python, benchmark, version, params, commit_id)
WINDOW before AS (
  PARTITION BY origin, submitter, machine, python, benchmark, version, params ORDER BY committed, commit_id
  ROWS BETWEEN 5 PRECEDING AND 1 PRECEDING
), past AS (
  PARTITION BY origin, submitter, machine, python, benchmark, version, params ORDER BY committed, commit_id
  ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
ORDER BY benchmark, params, precedence(origin, submitter), machine, python, version, committed, commit_id;

-- For the report

-- A sorting key by which depth 3 comes before depth 11: the parts of a name, numbers before words.
CREATE OR REPLACE MACRO natural_order(name) AS [{
    'number': coalesce(CASE WHEN regexp_full_match(part, '[0-9]+') THEN try_cast(part AS HUGEINT) END,
                       170141183460469231731687303715884105727),
    'word': part
  } FOR part IN regexp_extract_all(name, '[0-9]+|[^0-9]+')];

CREATE OR REPLACE VIEW verdict_source AS
SELECT v.task, v.claim, v.backend, v.device, v.precision, m.run_id, m.params, m.seed
FROM verdict v JOIN latest_by_origin m USING (task, backend, device, precision, origin, submitter)
WHERE json_contains(m.params, v.params) AND m.run_id IN (SELECT run_id FROM metric WHERE name = v.metric);

CREATE OR REPLACE VIEW curve_mean AS
SELECT task, name, params, backend, device, precision, point, favg(x) AS x, favg(y) AS y, count(*) AS runs,
       list(run_id ORDER BY seed, run_id) AS run_ids, arg_min(x_name, seed) AS x_name, arg_min(y_name, seed) AS y_name,
       arg_min(x_unit, seed) AS x_unit, arg_min(y_unit, seed) AS y_unit,
       arg_min(theory_of, seed) AS theory_of
FROM series
GROUP BY task, name, params, backend, device, precision, point;

CREATE OR REPLACE VIEW environment_pair AS
WITH good AS (
  SELECT * FROM provenance WHERE status = 'ok'
), newest AS (
  -- Of each backend and device the five environments used last: pairs grow with the square.
  SELECT backend, device, environment_id,
         row_number() OVER (PARTITION BY backend, device ORDER BY max(stored) DESC, environment_id) AS place
  FROM good GROUP BY backend, device, environment_id
  QUALIFY place <= 5
), candidate AS (
  SELECT DISTINCT a.environment_id, b.environment_id AS baseline_id
  FROM newest a JOIN newest b USING (backend, device) WHERE a.place < b.place
), latest AS (
  SELECT run_id, experiment_id, environment_id, machine FROM good
  QUALIFY latest_attempt(experiment_id, environment_id, precedence(origin, submitter), stored, run_id)
)
SELECT c.environment_id, c.baseline_id, a.experiment_id, a.run_id, b.run_id AS baseline_run_id, a.machine,
       b.machine AS baseline_machine
FROM candidate c JOIN latest a USING (environment_id)
  JOIN latest b ON b.environment_id = c.baseline_id AND b.experiment_id = a.experiment_id;
