-- From version 4 to version 5.

-- Who vouches for what asv measured is stored, as of runs. Rows are made anew: the table's triggers refuse to change them.
-- What names this machine is taken for its own where the caller says which that is; else, as all of an export is, for
-- imported.

CREATE TABLE with_more (
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
INSERT INTO with_more
SELECT perf.* EXCLUDE (stored),
       if(coalesce(machine IN (getvariable('own_machine'), getvariable('own_hardware')), false), 'this machine', 'import'),
       '', '', perf.stored
FROM perf LEFT JOIN environment USING (environment_id);
DROP TABLE perf;
ALTER TABLE with_more RENAME TO perf;

UPDATE schema_version SET version = 5;
