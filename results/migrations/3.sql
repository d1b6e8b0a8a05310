-- From version 2 to version 3.

-- What metrics, curves and tasks mean is stored; until now their names said it. Rows are made anew with what the names
-- say: the tables' triggers refuse to change them. ntkbench/results/old_formats.py does the same for records.

CREATE TABLE with_more (
  run_id           VARCHAR PRIMARY KEY,
  experiment_id    VARCHAR NOT NULL,
  task             VARCHAR NOT NULL,
  task_version     INTEGER NOT NULL,
  tier             VARCHAR NOT NULL,
  params           JSON NOT NULL,
  backend          VARCHAR NOT NULL,
  implementation   VARCHAR NOT NULL,
  device           VARCHAR NOT NULL,
  precision        VARCHAR NOT NULL,
  seed             INTEGER NOT NULL,
  dataset          VARCHAR,
  dataset_sha256   VARCHAR,
  status           VARCHAR NOT NULL,
  reason           VARCHAR NOT NULL,
  traceback        VARCHAR NOT NULL,
  warnings         VARCHAR[] NOT NULL,
  started          TIMESTAMP NOT NULL,
  finished         TIMESTAMP NOT NULL,
  command          VARCHAR NOT NULL,
  environment_id   VARCHAR NOT NULL,
  claims_id        VARCHAR NOT NULL,
  measures_machine BOOLEAN NOT NULL,
  origin           VARCHAR NOT NULL,
  submitter        VARCHAR NOT NULL,
  seal             VARCHAR NOT NULL
);
-- What ran on hardware like this machine's is taken for its own where the caller says which that is; else, as all of an
-- export is, for imported. There was no more to know a machine by.
INSERT INTO with_more
SELECT run.*, task = 'machine_limits',
       if(coalesce(machine, '') = getvariable('own_hardware'), 'this machine', 'import'), '', ''
FROM run LEFT JOIN environment USING (environment_id);
DROP TABLE run;
ALTER TABLE with_more RENAME TO run;

CREATE TABLE with_more (
  run_id    VARCHAR NOT NULL,
  name      VARCHAR NOT NULL,
  value     DOUBLE NOT NULL,
  unit      VARCHAR NOT NULL,
  stderr    DOUBLE,
  better    VARCHAR,
  tolerance DOUBLE,
  role      VARCHAR,
  stage     VARCHAR
);
INSERT INTO with_more
SELECT m.*,
       CASE WHEN r.measures_machine AND m.name = 'product_float32' THEN 'float32 operation rate'
            WHEN r.measures_machine AND m.name = 'product_float64' THEN 'float64 operation rate'
            WHEN r.measures_machine AND m.name = 'bandwidth' THEN 'bandwidth'
            WHEN m.name = 'gram_error' THEN 'gram error'
            WHEN m.name = 'peak_memory' THEN 'peak memory'
            WHEN m.unit = 'op' AND regexp_full_match(m.name, '(?s).+_operations') THEN 'operations'
            WHEN m.unit = 'B' AND regexp_full_match(m.name, '(?s).+_bytes') THEN 'bytes' END AS role,
       CASE WHEN role IN ('operations', 'bytes') THEN regexp_extract(m.name, '(?s)^(.+)_(operations|bytes)$', 1) END
FROM metric m LEFT JOIN run r USING (run_id);
DROP TABLE metric;
ALTER TABLE with_more RENAME TO metric;

CREATE TABLE with_more (
  run_id    VARCHAR NOT NULL,
  name      VARCHAR NOT NULL,
  point     INTEGER NOT NULL,
  x         DOUBLE NOT NULL,
  y         DOUBLE NOT NULL,
  x_name    VARCHAR NOT NULL,
  y_name    VARCHAR NOT NULL,
  x_unit    VARCHAR NOT NULL,
  y_unit    VARCHAR NOT NULL,
  share     DOUBLE,
  tolerance DOUBLE NOT NULL,
  theory_of VARCHAR
);
INSERT INTO with_more
WITH drawn AS (
  SELECT DISTINCT run_id, name FROM curve
)
SELECT c.*, d.name
FROM curve c LEFT JOIN drawn d ON d.run_id = c.run_id AND c.name = 'predicted_' || d.name;
DROP TABLE curve;
ALTER TABLE with_more RENAME TO curve;

-- What a run's time goes to beside the calls of its stages; not known of earlier ones.
CREATE TABLE part (
  run_id  VARCHAR NOT NULL,
  name    VARCHAR NOT NULL,
  seconds DOUBLE NOT NULL
);

CREATE TABLE with_more (
  task         VARCHAR NOT NULL,
  task_version INTEGER NOT NULL,
  claims_id    VARCHAR NOT NULL,
  declared     TIMESTAMP NOT NULL,
  origin       VARCHAR NOT NULL,
  submitter    VARCHAR NOT NULL,
  seal         VARCHAR NOT NULL,
  PRIMARY KEY (task, task_version, claims_id, declared)
);
-- A declaration says no machine: it is this one's where any run of its task is.
INSERT INTO with_more
SELECT *, if(task IN (SELECT task FROM run WHERE origin = 'this machine'), 'this machine', 'import'), '', ''
FROM declaration;
DROP TABLE declaration;
ALTER TABLE with_more RENAME TO declaration;

-- A claim may be known not to hold; until now none was.
ALTER TABLE claim ADD COLUMN finding VARCHAR;

UPDATE schema_version SET version = 3;
