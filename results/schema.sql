-- The tables of the results database. Rows are added and never changed or removed. Times are UTC.
-- Every table but the first and the last travels in an export. What the columns mean, with their units: comments.sql.
-- A run's rows in timing, part, metric and curve have no key of their own: its record is checked before it goes in whole, and
-- an index over a million of them would take more room than they do.

CREATE TABLE schema_version (
  version INTEGER PRIMARY KEY,
  views   VARCHAR
);
INSERT INTO schema_version VALUES (5, NULL);

CREATE TABLE environment (
  environment_id VARCHAR PRIMARY KEY,
  machine        VARCHAR NOT NULL,
  commit_id      VARCHAR NOT NULL,
  facts          MAP(VARCHAR, VARCHAR) NOT NULL
);

CREATE TABLE run (
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
  seal             VARCHAR NOT NULL,
  task_sha256      VARCHAR,
  stored           TIMESTAMP NOT NULL
);

CREATE TABLE timing (
  run_id  VARCHAR NOT NULL,
  stage   VARCHAR NOT NULL,
  phase   VARCHAR NOT NULL,
  sample  INTEGER NOT NULL,
  seconds DOUBLE NOT NULL
);

CREATE TABLE part (
  run_id  VARCHAR NOT NULL,
  name    VARCHAR NOT NULL,
  seconds DOUBLE NOT NULL
);

CREATE TABLE metric (
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

CREATE TABLE curve (
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

CREATE TABLE claim (
  claims_id    VARCHAR NOT NULL,
  task         VARCHAR NOT NULL,
  task_version INTEGER NOT NULL,
  name         VARCHAR NOT NULL,
  metric       VARCHAR NOT NULL,
  value        DOUBLE NOT NULL,
  tolerance    DOUBLE NOT NULL,
  source       VARCHAR NOT NULL,
  params       JSON NOT NULL,
  verified     BOOLEAN NOT NULL,
  repeats      INTEGER NOT NULL,
  over         VARCHAR NOT NULL,
  side         VARCHAR NOT NULL,
  finding      VARCHAR,
  PRIMARY KEY (claims_id, name)
);

CREATE TABLE declaration (
  task         VARCHAR NOT NULL,
  task_version INTEGER NOT NULL,
  claims_id    VARCHAR NOT NULL,
  declared     TIMESTAMP NOT NULL,
  origin       VARCHAR NOT NULL,
  submitter    VARCHAR NOT NULL,
  seal         VARCHAR NOT NULL,
  stored       TIMESTAMP NOT NULL,
  PRIMARY KEY (task, task_version, claims_id, declared)
);

CREATE TABLE perf (
  environment_id VARCHAR NOT NULL,
  benchmark      VARCHAR NOT NULL,
  version        VARCHAR NOT NULL,
  params         JSON NOT NULL,
  committed      TIMESTAMP NOT NULL,
  subject        VARCHAR NOT NULL,
  measured       TIMESTAMP NOT NULL,
  unit           VARCHAR NOT NULL,
  value          DOUBLE,
  low            DOUBLE,
  high           DOUBLE,
  samples        DOUBLE[] NOT NULL,
  number         INTEGER NOT NULL,
  failure        VARCHAR NOT NULL,
  origin         VARCHAR NOT NULL,
  submitter      VARCHAR NOT NULL,
  seal           VARCHAR NOT NULL,
  stored         TIMESTAMP NOT NULL,
  PRIMARY KEY (environment_id, benchmark, version, params, measured)
);

-- Updates and deletions fire an insertion into this table, whose evaluation is an error.
CREATE TABLE append_only (
  refusal VARCHAR
);
