-- How near do the kernels come to what their machine can do, and which limit stops them: arithmetic or memory?
SELECT task, stage, params, precision, machine, device, backend, seconds, operations_per_second, operations_limit,
       bytes_per_second, bytes_limit, 100 * fraction AS percent_of_limit, binds
FROM efficiency
WHERE NOT includes_compilation
ORDER BY percent_of_limit DESC NULLS LAST, task, stage;
