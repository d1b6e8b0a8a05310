-- What every table, view and column means, and in which unit; "1" is a pure number. Carried out after views.sql.
-- A column of a view that is not named here means what the column of its name means in `run`, `environment`, `metric`,
-- `perf` or `verdict`, whichever has one first.

COMMENT ON TABLE schema_version IS 'The version of these tables.';
COMMENT ON COLUMN schema_version.views IS 'hash of what views.sql and comments.sql held when the views were made';
COMMENT ON COLUMN schema_version.version IS 'one row: the version of the tables';

COMMENT ON TABLE environment IS 'Where runs and measurements were made; each once.';
COMMENT ON COLUMN environment.environment_id IS 'hash of the facts';
COMMENT ON COLUMN environment.machine IS
  'hash of the installation and the hardware (before origins: of the hardware alone); speeds are compared within one '
  'machine alone';
COMMENT ON COLUMN environment.commit_id IS
  'the checkout''s commit, "+changes" when files differ; '''' outside a checkout';
COMMENT ON COLUMN environment.facts IS 'CPU, GPU, system, versions, variables, backend settings; keys sorted';

COMMENT ON TABLE run IS 'Every attempt at an experiment, good or bad.';
COMMENT ON COLUMN run.run_id IS 'random, one for each attempt';
COMMENT ON COLUMN run.experiment_id IS 'hash of what was run: equal for repeats of the same experiment';
COMMENT ON COLUMN run.task IS 'the task''s name';
COMMENT ON COLUMN run.task_version IS 'numbers of different versions are never compared';
COMMENT ON COLUMN run.tier IS 'the tier it was planned in; no part of the experiment';
COMMENT ON COLUMN run.params IS 'the task''s parameters by name; keys sorted, so equal ones are equal texts';
COMMENT ON COLUMN run.backend IS 'what computed: jax, torch, numba, or another library that was measured beside them';
COMMENT ON COLUMN run.implementation IS 'the kernel implementations that ran';
COMMENT ON COLUMN run.device IS 'cpu or cuda';
COMMENT ON COLUMN run.precision IS 'of the kernels: float32 or float64; solves are always float64';
COMMENT ON COLUMN run.seed IS '0, 1, ...: another subset, another draw';
COMMENT ON COLUMN run.dataset IS 'the data set''s name; NULL: the task has none';
COMMENT ON COLUMN run.dataset_sha256 IS 'hash of its arrays';
COMMENT ON COLUMN run.status IS 'ok, error, out_of_memory, timeout, killed, not_applicable';
COMMENT ON COLUMN run.reason IS 'why it is not ok, one line; '''' when ok';
COMMENT ON COLUMN run.traceback IS 'the last lines of it; '''' when there is none';
COMMENT ON COLUMN run.warnings IS 'what the run warned of';
COMMENT ON COLUMN run.started IS 'when the run began, UTC';
COMMENT ON COLUMN run.finished IS 'when it ended, UTC';
COMMENT ON COLUMN run.command IS 'the command line that made it';
COMMENT ON COLUMN run.environment_id IS 'environment.environment_id';
COMMENT ON COLUMN run.claims_id IS 'claim.claims_id: the claims that its task had at that time';
COMMENT ON COLUMN run.measures_machine IS 'whether its metrics are limits of the machine';
COMMENT ON COLUMN run.origin IS
  'who vouches for it, as the command that stored it says, never the record: this machine (it was run from here), '
  'reference (imported from results/reference), import';
COMMENT ON COLUMN run.submitter IS 'of an import, the name given with --as; '''' without one';
COMMENT ON COLUMN run.seal IS
  'by it the installation that stored it, and no other, knows its origin again; '''': an import without a name, '
  'or stored before there were origins';
COMMENT ON COLUMN run.task_sha256 IS
  'hash of the file that its task is in: one version of a task may have had several; NULL: not known';
COMMENT ON COLUMN run.stored IS
  'order in which runs, declarations and measurements were stored, which is what newest and latest mean; written as a '
  'moment, UTC: when the run ended, or just after what was stored before it where that is later';

COMMENT ON TABLE timing IS 'Every stopwatch sample of every run.';
COMMENT ON COLUMN timing.run_id IS 'run.run_id';
COMMENT ON COLUMN timing.stage IS 'kernel, solve, ...';
COMMENT ON COLUMN timing.phase IS 'first (includes compilation and warming up) or steady';
COMMENT ON COLUMN timing.sample IS '0, 1, ... within stage and phase';
COMMENT ON COLUMN timing.seconds IS 'wall clock, device synchronised; s';

COMMENT ON TABLE part IS 'What the time of every run went to beside the calls of its stages.';
COMMENT ON COLUMN part.run_id IS 'run.run_id';
COMMENT ON COLUMN part.name IS
  'starting (process, library), importing, data, outside stages (the task''s own code), between calls (blocks read and '
  'written, results let go of), collecting garbage, describing the machine';
COMMENT ON COLUMN part.seconds IS 'wall clock; s';

COMMENT ON TABLE metric IS 'Every number that a run recorded.';
COMMENT ON COLUMN metric.run_id IS 'run.run_id';
COMMENT ON COLUMN metric.name IS 'the metric''s name in its task';
COMMENT ON COLUMN metric.value IS 'what was measured, in `unit`';
COMMENT ON COLUMN metric.unit IS '''%'', ''B'', ''1'', ...';
COMMENT ON COLUMN metric.stderr IS 'standard error in `unit`; NULL: the task knows none';
COMMENT ON COLUMN metric.better IS 'higher or lower; NULL: neither';
COMMENT ON COLUMN metric.tolerance IS 'backends agree within this, in `unit`; NULL: not checked';
COMMENT ON COLUMN metric.role IS
  'what the views read it as: operations or bytes (of a stage), gram error, peak memory; of a task that measures the '
  'machine float32 operation rate, float64 operation rate, bandwidth; NULL: a number of the task''s own';
COMMENT ON COLUMN metric.stage IS 'the stage whose operations or bytes it counts; NULL: any other role';

COMMENT ON TABLE curve IS 'Every series that a run recorded, a row a point.';
COMMENT ON COLUMN curve.run_id IS 'run.run_id';
COMMENT ON COLUMN curve.name IS 'the curve''s name in its task';
COMMENT ON COLUMN curve.point IS '0, 1, ... along the curve';
COMMENT ON COLUMN curve.x IS 'in `x_unit`';
COMMENT ON COLUMN curve.y IS 'in `y_unit`';
COMMENT ON COLUMN curve.x_name IS 'what x is';
COMMENT ON COLUMN curve.y_name IS 'what y is';
COMMENT ON COLUMN curve.x_unit IS 'unit of x';
COMMENT ON COLUMN curve.y_unit IS 'unit of y';
COMMENT ON COLUMN curve.share IS 'backends agree when at least this share of points does, 1; NULL: not checked';
COMMENT ON COLUMN curve.tolerance IS 'two points agree when their y differ by no more, in `y_unit`';
COMMENT ON COLUMN curve.theory_of IS 'the curve of the same run that it predicts; NULL: it is no prediction';

COMMENT ON TABLE claim IS 'What a task claims: one set of rows for each form that its list of claims ever had.';
COMMENT ON COLUMN claim.claims_id IS 'hash of the whole set, the task and its version';
COMMENT ON COLUMN claim.task IS 'the task''s name';
COMMENT ON COLUMN claim.task_version IS 'the task''s version';
COMMENT ON COLUMN claim.name IS 'the claim''s name in its task';
COMMENT ON COLUMN claim.metric IS 'the metric that it is about';
COMMENT ON COLUMN claim.value IS 'published, or exact; in the metric''s unit';
COMMENT ON COLUMN claim.tolerance IS 'how far off still counts, in the metric''s unit';
COMMENT ON COLUMN claim.source IS 'where it was published';
COMMENT ON COLUMN claim.params IS 'the parameters of the runs it is about; {}: all runs';
COMMENT ON COLUMN claim.verified IS 'read in its source, or exact; else quoted from memory, and never gates';
COMMENT ON COLUMN claim.repeats IS 'seeds needed before it is judged';
COMMENT ON COLUMN claim.over IS 'mean: of the runs; worst: every run must satisfy it';
COMMENT ON COLUMN claim.side IS
  'within: value to within the tolerance; at least: value less the tolerance or more; at most: value and the '
  'tolerance, or less';
COMMENT ON COLUMN claim.finding IS 'why it is known not to hold, and since when; NULL: it is expected to hold';

COMMENT ON TABLE declaration IS
  'When `ntkbench run` found a task with another set of claims than before. A set may be empty.';
COMMENT ON COLUMN declaration.task IS 'the task''s name';
COMMENT ON COLUMN declaration.task_version IS 'the task''s version';
COMMENT ON COLUMN declaration.claims_id IS 'claim.claims_id';
COMMENT ON COLUMN declaration.declared IS 'since when, UTC';
COMMENT ON COLUMN declaration.origin IS 'as run.origin';
COMMENT ON COLUMN declaration.submitter IS 'as run.submitter';
COMMENT ON COLUMN declaration.seal IS 'as run.seal';
COMMENT ON COLUMN declaration.stored IS 'as run.stored';

COMMENT ON TABLE perf IS 'What asv measured of a commit: a row for each benchmark and its parameters.';
COMMENT ON COLUMN perf.environment_id IS 'environment.environment_id: machine, commit, versions';
COMMENT ON COLUMN perf.benchmark IS 'asv''s name of it, such as bench_kernels.Gram.time_first';
COMMENT ON COLUMN perf.version IS 'which of its meanings; results of different versions are not compared';
COMMENT ON COLUMN perf.params IS 'its parameters by name; keys sorted; {}: it has none';
COMMENT ON COLUMN perf.committed IS 'date of the commit, UTC';
COMMENT ON COLUMN perf.subject IS 'first line of the commit''s message';
COMMENT ON COLUMN perf.measured IS 'when it was measured, UTC';
COMMENT ON COLUMN perf.unit IS 'of value and samples: ''s'', ''B'', ''1'', ...';
COMMENT ON COLUMN perf.value IS 'median of the samples, in `unit`; times are CPU times of one thread; NULL: it failed';
COMMENT ON COLUMN perf.low IS '99 % interval of value, its lower end, in `unit`; NULL: asv gives none';
COMMENT ON COLUMN perf.high IS '99 % interval of value, its upper end, in `unit`; NULL: asv gives none';
COMMENT ON COLUMN perf.samples IS 'raw samples, in `unit`; each the mean of `number` calls';
COMMENT ON COLUMN perf.number IS 'calls within one sample, 1';
COMMENT ON COLUMN perf.failure IS
  'why there is no value: the benchmark failed, or the commit did not build; '''' when there is one';
COMMENT ON COLUMN perf.origin IS 'as run.origin: of what `nox -s perf` measured here, this machine';
COMMENT ON COLUMN perf.submitter IS 'as run.submitter';
COMMENT ON COLUMN perf.seal IS 'as run.seal';
COMMENT ON COLUMN perf.stored IS 'as run.stored';

COMMENT ON TABLE append_only IS
  'A statement that updates or deletes fires an insertion into this table, whose evaluation is an error.';
COMMENT ON COLUMN append_only.refusal IS 'never filled';

COMMENT ON VIEW claims_seen IS 'Every time that a set of claims was seen, by `ntkbench run` or in a run.';
COMMENT ON COLUMN claims_seen.seen IS 'as run.stored';

COMMENT ON VIEW present IS
  'Each task''s newest version, and the claims that it was last seen with, by the first origin that has it.';

COMMENT ON VIEW good_run IS 'Every good run of each task''s newest version.';
COMMENT ON VIEW latest_on_machine IS
  'The newest good run of each experiment on each machine, by origin, of each task''s newest version.';

COMMENT ON VIEW latest_by_origin IS
  'The newest good run of each experiment, by origin, of each task''s newest version.';

COMMENT ON VIEW latest_run IS
  'The newest good run of each experiment, of each task''s newest version; in each setting of a backend, device and '
  'precision those of the first origin that has any.';

COMMENT ON VIEW ranked_run IS
  'The runs of latest_on_machine that ranks are made of: in each setting on each machine those of the first origin.';

COMMENT ON VIEW failure IS 
  'Experiments of each task''s newest version whose newest run failed, with the reason; of the first origin as in '
  'latest_run.';

COMMENT ON VIEW agreement IS
  'Each run of latest_on_machine against the latest runs of the same on other backends and devices, as far as their '
  'origin is the same or an earlier one.';
COMMENT ON COLUMN agreement.others IS 'how many runs it was compared with, 1';
COMMENT ON COLUMN agreement.agreeing IS
  'how many of them it agrees with in every metric and curve that has a tolerance or a share, 1';
COMMENT ON COLUMN agreement.status IS
  'agrees (with at least half of the others), disagrees, or unchecked (there is no other)';
COMMENT ON COLUMN agreement.differs_in IS 'the metrics and curves in which it differs from any; '''' when none';

COMMENT ON VIEW stage_time IS 'What one stage of one run took.';
COMMENT ON COLUMN stage_time.stage IS 'kernel, solve, train, ...';
COMMENT ON COLUMN stage_time.first IS 'its first call, compilation and warming up included, s';
COMMENT ON COLUMN stage_time.steady IS 'median of the calls after it, s; NULL: it took so long that it was called once';
COMMENT ON COLUMN stage_time.seconds IS 'steady, or first where there is no other, s';

COMMENT ON VIEW stage_sample IS
  'The samples by which a stage is timed: the steady ones, or the first where there are no others.';
COMMENT ON COLUMN stage_sample.stage IS 'kernel, solve, train, ...';
COMMENT ON COLUMN stage_sample.seconds IS 'the sample, s';
COMMENT ON COLUMN stage_sample.includes_compilation IS 'whether it is a first call';
COMMENT ON COLUMN stage_sample.first IS 'the first call of the stage in this run, s';
COMMENT ON COLUMN stage_sample.steady IS 'median of the calls after it, s; NULL: there are none';

COMMENT ON VIEW speed IS
  'How long each stage takes by backend on one machine, all seeds together; runs that disagree are left out.';
COMMENT ON COLUMN speed.stage IS 'kernel, solve, train, ...';
COMMENT ON COLUMN speed.kind IS
  'backend; peer: another library; guest: a function that `ntkbench bench` was given. The last two have no vote in verify';
COMMENT ON COLUMN speed.seconds IS
  'median of the steady calls of all seeds, s; of the first calls where there are no others';
COMMENT ON COLUMN speed.low IS
  'lower end of an interval of about 95 % for that median, s (order statistics; of fewer than six samples their '
  'range, which holds it in 50, 75, 88, 94 % of cases; equal to it when there is one sample)';
COMMENT ON COLUMN speed.high IS 'upper end of that interval, s';
COMMENT ON COLUMN speed.samples IS 'calls that seconds is the median of, 1';
COMMENT ON COLUMN speed.first_seconds IS 'the longest first call, s';
COMMENT ON COLUMN speed.compile_seconds IS
  'how much longer than its run''s steady median a first call took, at most, s; NULL: there is no steady one';
COMMENT ON COLUMN speed.includes_compilation IS 'whether seconds has a first call in it';
COMMENT ON COLUMN speed.agreement IS 'agrees or unchecked: see the view agreement';
COMMENT ON COLUMN speed.gram_error IS 'largest relative error of the kernel against float64, 1; NULL: not recorded';
COMMENT ON COLUMN speed.peak_memory IS 'largest peak memory of its runs, B; NULL: not recorded';

COMMENT ON VIEW leaderboard IS 'The view speed, ranked within one machine.';
COMMENT ON COLUMN leaderboard.stage IS 'kernel, solve, train, ...';
COMMENT ON COLUMN leaderboard.kind IS
  'backend; peer: another library; guest: a function that `ntkbench bench` was given. The last two have no vote in verify';
COMMENT ON COLUMN leaderboard.seconds IS
  'median of the steady calls of all seeds, s; of the first calls where there are no others';
COMMENT ON COLUMN leaderboard.low IS
  'lower end of an interval of about 95 % for that median, s (order statistics; of fewer than six samples their '
  'range, which holds it in 50, 75, 88, 94 % of cases); NULL: one sample has none';
COMMENT ON COLUMN leaderboard.high IS 'upper end of that interval, s; NULL: one sample has none';
COMMENT ON COLUMN leaderboard.samples IS 'calls that seconds is the median of, 1';
COMMENT ON COLUMN leaderboard.first_seconds IS 'the longest first call, s';
COMMENT ON COLUMN leaderboard.compile_seconds IS
  'how much longer than its run''s steady median a first call took, at most, s; NULL: there is no steady one';
COMMENT ON COLUMN leaderboard.includes_compilation IS 'whether seconds has a first call in it';
COMMENT ON COLUMN leaderboard.agreement IS 'agrees or unchecked: see the view agreement';
COMMENT ON COLUMN leaderboard.gram_error IS
  'largest relative error of the kernel against float64, 1; NULL: not recorded';
COMMENT ON COLUMN leaderboard.peak_memory IS 'largest peak memory of its runs, B; NULL: not recorded';
COMMENT ON COLUMN leaderboard.rank IS
  'one more than the number of entries of the same machine, task, parameters, precision and stage that are '
  'surely faster (their interval ends before this one begins): overlapping intervals share a rank; one sample is '
  'ranked as it stands';

COMMENT ON VIEW speedup IS
  'One backend against another, stage by stage, within one machine; runs that disagree are left out.';
COMMENT ON COLUMN speedup.stage IS 'kernel, solve, train, ...';
COMMENT ON COLUMN speedup.baseline IS 'the backend that it is compared with';
COMMENT ON COLUMN speedup.baseline_device IS 'the device of the baseline';
COMMENT ON COLUMN speedup.seconds IS 'median, as in speed, s';
COMMENT ON COLUMN speedup.baseline_seconds IS 'median of the baseline, as in speed, s';
COMMENT ON COLUMN speedup.speedup IS 'baseline_seconds / seconds: how many times as fast as the baseline, 1';
COMMENT ON COLUMN speedup.low IS
  'lower end of an interval of at least 90 % for speedup, from the two of 95 %, 1; NULL: one of the two has one sample';
COMMENT ON COLUMN speedup.high IS 'upper end of that interval, 1';
COMMENT ON COLUMN speedup.outcome IS
  'faster or slower when the intervals of the two medians do not overlap, else no difference shown; one sample when '
  'there is no interval';
COMMENT ON COLUMN speedup.includes_compilation IS 'whether one of the two was timed once, with its compilation';

COMMENT ON VIEW rate IS
  'Operations and bytes a second of the stages whose work is counted (ntkbench/kernels/work.py says how).';
COMMENT ON COLUMN rate.stage IS 'kernel, ...';
COMMENT ON COLUMN rate.seconds IS 'median of the steady calls, as in speed, s';
COMMENT ON COLUMN rate.operations IS
  'what the formulas take at least, op: additions, multiplications, ...; NULL: not counted';
COMMENT ON COLUMN rate.bytes IS 'inputs read once and results written once, B; NULL: not counted';
COMMENT ON COLUMN rate.operations_per_second IS 'operations / seconds, op/s';
COMMENT ON COLUMN rate.bytes_per_second IS 'bytes / seconds, B/s';
COMMENT ON COLUMN rate.includes_compilation IS 'whether seconds has a first call in it: the rate is then too low';

COMMENT ON VIEW machine_limit IS
  'The most that a task which measures the machine ever found on a machine and device, over all its backends.';
COMMENT ON COLUMN machine_limit.precision IS 'of the operations: float32 or float64';
COMMENT ON COLUMN machine_limit.operations_per_second IS 'of a product of large matrices, op/s; NULL: not measured';
COMMENT ON COLUMN machine_limit.operations_backend IS 'the backend that reached it';
COMMENT ON COLUMN machine_limit.bytes_per_second IS 'to and from memory together, B/s; NULL: not measured';
COMMENT ON COLUMN machine_limit.bytes_backend IS 'the backend that reached it';

COMMENT ON COLUMN machine_limit.tasks IS 'the tasks that measured it';

COMMENT ON VIEW efficiency IS
  'How near each counted stage comes to the limits of its machine and device: the roofline.';
COMMENT ON COLUMN efficiency.stage IS 'kernel, ...';
COMMENT ON COLUMN efficiency.seconds IS 'median of the steady calls, as in speed, s';
COMMENT ON COLUMN efficiency.operations_per_second IS 'what the stage reaches, op/s';
COMMENT ON COLUMN efficiency.bytes_per_second IS 'what the stage reaches, B/s';
COMMENT ON COLUMN efficiency.operations_limit IS
  'the machine''s, at the run''s precision, op/s; NULL: not measured on this machine and device';
COMMENT ON COLUMN efficiency.bytes_limit IS 'the machine''s, B/s; NULL: as above';
COMMENT ON COLUMN efficiency.operations_fraction IS 'operations_per_second / operations_limit, 1';
COMMENT ON COLUMN efficiency.bytes_fraction IS 'bytes_per_second / bytes_limit, 1';
COMMENT ON COLUMN efficiency.fraction IS
  'the larger of the two, 1: the least time that the limits allow over the time taken; NULL: no limit is known';
COMMENT ON COLUMN efficiency.binds IS
  'the limit that fraction is of, arithmetic or memory: the stage cannot be faster than that; NULL: no limit is known';
COMMENT ON COLUMN efficiency.includes_compilation IS
  'whether seconds has a first call in it: the fractions are then too low';

COMMENT ON VIEW environment_speed IS
  'How long each stage takes in one environment: of each experiment the newest good run there, all seeds together; '
  'runs that disagree are left out.';
COMMENT ON COLUMN environment_speed.stage IS 'kernel, solve, train, ...';
COMMENT ON COLUMN environment_speed.seconds IS 'median, as in speed, s';
COMMENT ON COLUMN environment_speed.low IS 'lower end of its interval, as in speed, s';
COMMENT ON COLUMN environment_speed.high IS 'upper end of that interval, s';
COMMENT ON COLUMN environment_speed.samples IS 'calls that seconds is the median of, 1';
COMMENT ON COLUMN environment_speed.includes_compilation IS 'whether seconds has a first call in it';

COMMENT ON VIEW environment_speedup IS
  'One environment against another, the same backend, device, setting and stage; across machines without a judgement.';
COMMENT ON COLUMN environment_speedup.stage IS 'kernel, solve, train, ...';
COMMENT ON COLUMN environment_speedup.baseline_id IS 'the environment that it is compared with';
COMMENT ON COLUMN environment_speedup.baseline_machine IS 'the machine of that environment';
COMMENT ON COLUMN environment_speedup.seconds IS 'median, as in environment_speed, s';
COMMENT ON COLUMN environment_speedup.baseline_seconds IS 'median in the other environment, s';
COMMENT ON COLUMN environment_speedup.speedup IS 'baseline_seconds / seconds: how many times as fast, 1';
COMMENT ON COLUMN environment_speedup.low IS
  'lower end of its interval, as in speedup, 1; NULL: one of the two has one sample';
COMMENT ON COLUMN environment_speedup.high IS 'upper end of that interval, 1';
COMMENT ON COLUMN environment_speedup.outcome IS
  'as in speedup; other machine when the two did not run on the same one: such times are never ranked';
COMMENT ON COLUMN environment_speedup.includes_compilation IS
  'whether one of the two was timed once, with its compilation';

COMMENT ON VIEW student IS 'Student''s t distribution, for intervals of 95 %.';
COMMENT ON COLUMN student.freedom IS 'degrees of freedom, 1';
COMMENT ON COLUMN student.quantile IS 'of 97.5 %, 1';
COMMENT ON MACRO agrees IS 'Whether two values of one metric agree: they differ by no more than the tolerance.';
COMMENT ON MACRO point_agrees IS 'Whether two points of one curve agree: x is the same, and y agrees.';
COMMENT ON MACRO outcome IS
  'What the verdict on a claim comes to: its words, or finding for a claim that ran and is known not to hold.';
COMMENT ON MACRO fails IS
  'Whether `ntkbench verify` fails on a claim: one read in its source that does not hold, or a finding that does.';
COMMENT ON MACRO latest_attempt IS
  'For QUALIFY: whether a run is the one of its experiment, and place, that was stored last; among those that are first '
  'by `first`.';
COMMENT ON MACRO precedence IS
  'A sorting key of origins: this machine, reference, imports by their submitters'' names, imports without one.';
COMMENT ON MACRO of_first_origin IS 'For QUALIFY: whether a row is of the first origin that its group has any row of.';
COMMENT ON MACRO entry_kind IS
  'Whether what ran is a backend, a peer or a guest, of the facts of its environment.';
COMMENT ON MACRO interval_rank IS 'The rank among so many samples of the lower end of the interval of their median.';
COMMENT ON MACRO median_interval IS
  'An interval of about 95 % for the median, low and high, from samples in ascending order: order statistics.';
COMMENT ON MACRO speed_ratio IS
  'How many times as fast an entry is as a baseline, with its interval, and what that shows; of two rows of speed.';
COMMENT ON MACRO half_interval IS
  'Half of the 95 % interval of a mean, from the number of runs, their standard deviation, and the standard error that '
  'a run alone knows.';

COMMENT ON VIEW verdict IS
  'Each present claim against what was measured, for each backend, device and precision that ran it, by the first '
  'origin that has runs of the claim on the backend: this machine, reference, imports.';
COMMENT ON VIEW verdict_by_origin IS
  'Each present claim against what was measured, for each origin, backend, device and precision that ran it.';
COMMENT ON COLUMN verdict_by_origin.measured IS 'as verdict.measured, in the metric''s unit';
COMMENT ON COLUMN verdict.claim IS 'the claim''s name in its task';
COMMENT ON COLUMN verdict.metric IS 'the metric that it is about';
COMMENT ON COLUMN verdict.unit IS 'the metric''s unit; NULL: not run';
COMMENT ON COLUMN verdict.backend IS 'what it was measured on; NULL: not run';
COMMENT ON COLUMN verdict.device IS 'cpu or cuda; NULL: not run';
COMMENT ON COLUMN verdict.precision IS 'float32 or float64; NULL: not run';
COMMENT ON COLUMN verdict.published IS 'the claimed value, in the metric''s unit';
COMMENT ON COLUMN verdict.tolerance IS 'how far off still counts, in the metric''s unit';
COMMENT ON COLUMN verdict.side IS
  'within: published to within the tolerance; at least, at most: an inequality, with the tolerance for slack';
COMMENT ON COLUMN verdict.measured IS
  'mean over the runs that match; for a claim about every run the one farthest off, on the wrong side of an '
  'inequality; in the metric''s unit';
COMMENT ON COLUMN verdict.low IS
  'lower end of the 95 % interval of measured, in the metric''s unit: Student''s over the runs; from the run''s '
  'own standard error when there is one; measured itself for a claim about every run';
COMMENT ON COLUMN verdict.high IS 'upper end of the 95 % interval of measured, in the metric''s unit';
COMMENT ON COLUMN verdict.runs IS 'how many runs, 1';
COMMENT ON COLUMN verdict.seeds IS 'how many different seeds, 1';
COMMENT ON COLUMN verdict.verdict IS
  'reproduced (the interval lies within the tolerance), not reproduced (it lies outside), inconclusive (it '
  'straddles the border, or there are fewer seeds than the claim needs), not run';
COMMENT ON COLUMN verdict.finding IS
  'why the claim is known not to hold, and since when; such a claim is counted apart; NULL: it is expected to hold';
COMMENT ON COLUMN verdict.seconds IS
  'what one of its runs takes, all stages, steady calls where there are any: mean over the runs, s';
COMMENT ON COLUMN verdict.verified IS 'whether the claim was read in its source, or is exact; only then does it gate';
COMMENT ON COLUMN verdict.source IS 'where it was published';
COMMENT ON COLUMN verdict.params IS 'the parameters of the runs that it is about';

COMMENT ON VIEW provenance IS 'Where each run comes from, whatever became of it.';
COMMENT ON COLUMN provenance.seconds IS 'wall clock from start to end, s';

COMMENT ON VIEW measurement IS 'The metrics of each latest run.';
COMMENT ON COLUMN measurement.metric IS 'the metric''s name in its task';

COMMENT ON VIEW setting_mean IS 'The mean over the seeds of each metric, in each setting on each backend.';
COMMENT ON COLUMN setting_mean.metric IS 'the metric''s name in its task';
COMMENT ON COLUMN setting_mean.mean IS 'over the latest run of each seed, in `unit`';
COMMENT ON COLUMN setting_mean.low IS
  'lower end of its 95 % interval, in `unit`: Student''s over the runs; of one run from its own standard error; mean '
  'itself when it has none';
COMMENT ON COLUMN setting_mean.high IS 'upper end of that interval, in `unit`';
COMMENT ON COLUMN setting_mean.runs IS 'how many runs, 1';
COMMENT ON COLUMN setting_mean.seeds IS 'how many different seeds, 1';
COMMENT ON COLUMN setting_mean.run_ids IS 'run.run_id of each, by seed';

COMMENT ON VIEW recorded IS 'The metrics of every run, whatever came after it.';
COMMENT ON COLUMN recorded.metric IS 'the metric''s name in its task';

COMMENT ON VIEW stopwatch IS 'The raw samples of every run''s stages.';
COMMENT ON COLUMN stopwatch.stage IS 'kernel, solve, ...';
COMMENT ON COLUMN stopwatch.phase IS 'first (includes compilation and warming up) or steady';
COMMENT ON COLUMN stopwatch.sample IS '0, 1, ... within stage and phase';
COMMENT ON COLUMN stopwatch.seconds IS 'wall clock, device synchronised; s';

COMMENT ON VIEW time_account IS
  'What the wall clock of every run went to; the seconds of a run add up to what it took, unless it went on from '
  'checkpoints: its stages then hold what earlier processes took.';
COMMENT ON COLUMN time_account.part IS
  'stage (one call of it: a steady one where there is any), compiling (what first calls took beyond that), repeats '
  '(further calls), what part.name says, and the rest; of runs from before version 3 all outside stages is the rest';
COMMENT ON COLUMN time_account.stage IS 'the stage; NULL: a part that is none';
COMMENT ON COLUMN time_account.seconds IS 'wall clock, s';

COMMENT ON VIEW series IS 'The curves of each latest run, a row a point.';
COMMENT ON COLUMN series.name IS 'the curve''s name in its task';
COMMENT ON COLUMN series.point IS '0, 1, ... along the curve';
COMMENT ON COLUMN series.x IS 'in `x_unit`';
COMMENT ON COLUMN series.y IS 'in `y_unit`';
COMMENT ON COLUMN series.x_name IS 'what x is';
COMMENT ON COLUMN series.y_name IS 'what y is';
COMMENT ON COLUMN series.x_unit IS 'unit of x';
COMMENT ON COLUMN series.y_unit IS 'unit of y';
COMMENT ON COLUMN series.theory_of IS 'the curve that it predicts; NULL: it is no prediction';

COMMENT ON VIEW environment_fact IS 'One fact about one environment a row.';
COMMENT ON COLUMN environment_fact.runs IS 'how many runs were made in it, 1';
COMMENT ON COLUMN environment_fact.fact IS 'the fact''s name';
COMMENT ON COLUMN environment_fact.value IS 'its value, a text';

COMMENT ON VIEW perf_history IS
  'What asv measured, commit by commit, against what the commits before took; of each commit the newest '
  'measurement. A history is of one origin, this machine''s first.';
COMMENT ON COLUMN perf_history.python IS 'the version of Python';
COMMENT ON COLUMN perf_history.samples IS 'how many samples the value is the median of, 1';
COMMENT ON COLUMN perf_history.value IS 'median of the samples, in `unit`; NULL: it failed';
COMMENT ON COLUMN perf_history.unit IS 'of value, low, high and baseline';
COMMENT ON COLUMN perf_history.baseline IS
  'median of the five measured commits before, same origin, machine, Python and version of the benchmark, in `unit`; '
  'NULL: the first';
COMMENT ON COLUMN perf_history.ratio IS 'value / baseline, 1: above 1 it takes more than before';
COMMENT ON COLUMN perf_history.level IS
  'what asv''s step detection takes for the level of this and the neighbouring commits, in `unit`; NULL: no value, or '
  'asv is not installed (the extra perf)';
COMMENT ON COLUMN perf_history.step IS
  'level / level before, 1, of a commit at which it changes by 5 % or more; NULL: no step, or not known';

-- For the report

COMMENT ON MACRO natural_order IS 'A sorting key of a name by which depth 3 comes before depth 11.';

COMMENT ON VIEW verdict_source IS 'The runs that each measured value of the view verdict comes from, a row a run.';
COMMENT ON COLUMN verdict_source.claim IS 'the claim''s name in its task';

COMMENT ON VIEW curve_mean IS
  'The curves of each setting on each backend, a row a point: means over the latest run of each seed.';
COMMENT ON COLUMN curve_mean.name IS 'the curve''s name in its task';
COMMENT ON COLUMN curve_mean.point IS '0, 1, ... along the curve';
COMMENT ON COLUMN curve_mean.x IS 'mean, in `x_unit`';
COMMENT ON COLUMN curve_mean.y IS 'mean, in `y_unit`';
COMMENT ON COLUMN curve_mean.runs IS 'how many runs have the point, 1';
COMMENT ON COLUMN curve_mean.run_ids IS 'run.run_id of each, by seed';
COMMENT ON COLUMN curve_mean.x_name IS 'what x is';
COMMENT ON COLUMN curve_mean.y_name IS 'what y is';
COMMENT ON COLUMN curve_mean.x_unit IS 'unit of x';
COMMENT ON COLUMN curve_mean.y_unit IS 'unit of y';
COMMENT ON COLUMN curve_mean.theory_of IS 'the curve that it predicts; NULL: it is no prediction';

COMMENT ON VIEW environment_pair IS
  'Experiments that ran in two environments, the one used last first: of each the newest good runs. Paired are, of each '
  'backend and device, the five environments used last.';
COMMENT ON COLUMN environment_pair.baseline_id IS 'the environment that it is compared with';
COMMENT ON COLUMN environment_pair.baseline_run_id IS 'run.run_id of the run there';
COMMENT ON COLUMN environment_pair.baseline_machine IS 'the machine of that environment';
